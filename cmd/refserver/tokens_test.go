package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/tokens"
	"github.com/eventmetrics/eventmetrics/httpapi"
)

// TestASessionLastsAsLongAsItsToken signs in with a token of TOKENS_FILE, starts the
// server again, and then removes the token.
func TestASessionLastsAsLongAsItsToken(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "tokens")
	secret, token := tokens.Generate("ada", httpapi.RoleViewer, time.Time{})
	if err := tokens.Add(file, &token); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, dir, "TOKENS_FILE="+file)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/session?keep=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	cookies := res.Cookies()
	if res.StatusCode != http.StatusOK || len(cookies) != 1 {
		t.Fatalf("%s %v", res.Status, cookies)
	}
	status := func() int {
		t.Helper()
		status, _, err := s.do(http.MethodGet, "/batches", nil, "Authorization", "", "Cookie", cookies[0].Name+"="+cookies[0].Value)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	if got := status(); got != http.StatusOK {
		t.Errorf("with the cookie: %d", got)
	}
	if err := s.stop(syscall.SIGTERM); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	s = startServer(t, dir, "TOKENS_FILE="+file)
	if got := status(); got != http.StatusOK {
		t.Errorf("with the cookie after a restart: %d", got)
	}
	if err := os.WriteFile(file, []byte("# ada has left\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); status() != http.StatusUnauthorized; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the cookie of a token that was removed is still good")
		}
	}
	if got, _, err := s.do(http.MethodGet, "/batches", nil); got != http.StatusOK || err != nil {
		t.Errorf("with ADMIN_TOKEN: %d %v", got, err)
	}
}

func TestReplicasHaveTheSameSessionKey(t *testing.T) {
	key := func(token string) []byte {
		c := &config.Config{}
		c.Backends.MongoURI, c.Backends.RedisURL, c.API.Token = "mongodb://127.0.0.1/x", "redis://127.0.0.1", token
		return (&app{config: c}).sessionKey()
	}
	one := key("secret")
	if len(one) != 32 || !bytes.Equal(one, key("secret")) || bytes.Equal(one, key("other")) {
		t.Errorf("the keys are %x, %x and %x with another token", one, key("secret"), key("other"))
	}
}

// TestATokenIsMadeAndUsed makes tokens as an operator does, and sends what is printed.
func TestATokenIsMadeAndUsed(t *testing.T) {
	t.Chdir(t.TempDir()) // without an .env
	file := filepath.Join(t.TempDir(), "tokens")
	made := func(args ...string) (out, errs string, err error) {
		var stdout, stderr strings.Builder
		err = run(t.Context(), &cli.Terminal{Out: &stdout, Err: &stderr, Getenv: env("TOKENS_FILE", file, "REFSERVER_URL", "http://reports.example/")}, append([]string{"token"}, args...))
		return stdout.String(), stderr.String(), err
	}
	viewer, said, err := made("new", "-role", "viewer", "-name", "ada", "-expires", "90d")
	if err != nil || !strings.Contains(said, "added ada to ") || strings.Contains(said, strings.TrimSpace(viewer)) {
		t.Fatalf("%q %q %v", viewer, said, err)
	}
	link, _, err := made("new", "-role", "overview")
	shared, ok := strings.CutPrefix(strings.TrimSpace(link), "http://reports.example/#token=")
	if err != nil || !ok {
		t.Fatalf("the link is %q, %v", link, err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"new"}, "missing -role"},
		{[]string{"new", "-role", "reader"}, "reader"},
		{[]string{"new", "-role", "viewer", "-name", "a b"}, `the name "a b"`},
		{[]string{"new", "-role", "viewer", "-name", "ada"}, `tokens has a token named "ada" already`},
		{[]string{"new", "-role", "viewer", "-expires", "2020-01-01"}, "is over"},
		{[]string{"new", "-role", "viewer", "-expires", "soon"}, `"soon"`},
		{[]string{"list", "-role", "viewer"}, `unknown action "list"`},
	} {
		if out, _, err := made(tc.args...); err == nil || !strings.Contains(err.Error(), tc.want) || cli.ExitStatus(err) != 2 || out != "" {
			t.Errorf("%q: %q, %v; want an error in the usage with %s", tc.args, out, err, tc.want)
		}
	}

	s := startServer(t, t.TempDir(), "TOKENS_FILE="+file)
	for _, tc := range []struct {
		token, path string
		want        int
	}{
		{strings.TrimSpace(viewer), "/batches", http.StatusOK},
		{shared, "/schema", http.StatusOK},
		{shared, "/batches", http.StatusForbidden},
		{"wrong", "/schema", http.StatusForbidden},
	} {
		if got, _, err := s.do(http.MethodGet, tc.path, nil, "Authorization", "Bearer "+tc.token); got != tc.want || err != nil {
			t.Errorf("GET %s: %d %v, want %d", tc.path, got, err, tc.want)
		}
	}

	file = "" // then the line is printed, for a machine that has the file
	out, said, err := made("new", "-role", "uploader", "-name", "crm")
	digest := sha256.Sum256([]byte(strings.TrimSpace(out)))
	if err != nil || !strings.Contains(said, "\ncrm uploader "+hex.EncodeToString(digest[:])+"\n") {
		t.Errorf("%q %q %v", out, said, err)
	}
}
