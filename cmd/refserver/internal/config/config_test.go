package config_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func TestFlagOverridesEnvironmentOverridesFileOverridesDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	file := "PORT=1001\nWORKERS=11\nUPLOAD_LIMIT=21 # uploads\nexport DATA_DIR=\"from file\"\n"
	if err := os.WriteFile(".env", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(map[string][]string{"port": {"1003"}}, env("PORT", "1002", "WORKERS", "12"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 1003 || c.Backends.Workers != 12 || c.UploadLimit != 21 || c.Backends.DataDir != "from file" || c.Service.CleanupTTL != 24*time.Hour {
		t.Errorf("got %+v", c)
	}
}

func TestAllMistakesAreReportedTogether(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := config.Load(map[string][]string{"port": {"70000"}, "trusted-proxies": {"nonsense"}}, env(
		"UPLOAD_LIMIT", "-1", "UPLOAD_WINDOW_SECONDS", "soon", "LOG_LEVEL", "loud", "OPS_ADDR", "here",
		"MONGO_URI", "mongodb://u:p/w@127.0.0.1", "LOG_JSON", "perhaps", "WORKERS", "0", "DIMENSIONS", "test_id, event_type", "MONGO_EVENTS", "rows",
	))
	if err == nil {
		t.Fatal("bad values were accepted")
	}
	for _, name := range []string{
		"PORT (-port)", "TRUSTED_PROXIES", "UPLOAD_LIMIT", "UPLOAD_WINDOW_SECONDS", "LOG_LEVEL", "OPS_ADDR", "MONGO_URI",
		"LOG_JSON", "WORKERS", "DIMENSIONS", "MONGO_EVENTS",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}

func TestPublicAddressNeedsAToken(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tc := range []struct {
		name string
		env  []string
		ok   bool
	}{
		{"loopback without a token", []string{"HOST", "127.0.0.1"}, true},
		{"IPv6 loopback without a token", []string{"HOST", "::1"}, true},
		{"every address without a token", []string{"HOST", "0.0.0.0"}, false},
		{"the unspecified IPv6 address", []string{"HOST", "::"}, false},
		{"a name that is not localhost", []string{"HOST", "example.com"}, false},
		{"every address with a token", []string{"HOST", "0.0.0.0", "ADMIN_TOKEN", "x"}, true},
		{"every address with a generated token allowed", []string{"HOST", "0.0.0.0", "ALLOW_GENERATED_TOKEN", "true"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := config.Load(nil, env(tc.env...)); (err == nil) != tc.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}
