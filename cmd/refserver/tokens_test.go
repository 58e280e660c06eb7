package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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
