package tokens_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/tokens"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/internal/test/syncbuf"
)

func digest(token string) string {
	d := sha256.Sum256([]byte(token))
	return hex.EncodeToString(d[:])
}

func TestLinesAreRead(t *testing.T) {
	text := "# users\n\nada viewer " + digest("a") + "\ncrm\tuploader  " + strings.ToUpper(digest("b")) + " 2026-12-31 # ends\r\n" +
		"board@x.org overview " + digest("c") + " 2026-06-01T12:00:00+02:00"
	got, err := tokens.Parse("tokens", []byte(text))
	want := []httpapi.Token{
		{Name: "ada", Role: httpapi.RoleViewer, SHA256: sha256.Sum256([]byte("a"))},
		{Name: "crm", Role: httpapi.RoleUploader, SHA256: sha256.Sum256([]byte("b")), Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Name: "board@x.org", Role: httpapi.RoleOverview, SHA256: sha256.Sum256([]byte("c")), Expires: time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestMistakesNameTheirLine(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"ada viewer", "has 2 words"},
		{"ada viewer " + digest("x") + " 2026-01-01 more", "has 5 words"},
		{"ada reader " + digest("x"), `unknown role "reader"`},
		{"ada viewer secret", "no SHA-256"},
		{"ada viewer " + digest("x")[:62], "no SHA-256"},
		{"ada viewer " + digest("x") + " tomorrow", `"tomorrow" is no time`},
		{"a/b viewer " + digest("x"), `the name "a/b"`},
		{"admin viewer " + digest("x"), "ADMIN_TOKEN"},
		{"bob admin " + digest("x"), "line 1"},
		{"eve admin " + digest("1"), "line 1"},
	} {
		_, err := tokens.Parse("tokens", []byte("bob viewer "+digest("1")+"\n\n"+tc.line+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "tokens:3: ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want tokens:3: and %s", tc.line, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats a token: %v", err)
		}
	}
}

func TestATokenIsAddedToAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	secret, first := tokens.Generate("ada", httpapi.RoleViewer, end)
	_, second := tokens.Generate("", httpapi.RoleOverview, time.Time{})
	for _, token := range []*httpapi.Token{&first, &second} {
		if err := tokens.Add(path, token); err != nil {
			t.Fatal(err)
		}
	}
	_, again := tokens.Generate("ada", httpapi.RoleAdmin, time.Time{})
	if err := tokens.Add(path, &again); err == nil || !strings.Contains(err.Error(), `a token named "ada" already`) {
		t.Errorf("a name that is taken: %v", err)
	}
	f, err := tokens.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]httpapi.Token{first, second}, f.Tokens()); d != "" {
		t.Error(d)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), secret) || len(secret) < 26 {
		t.Errorf("the file has the token %q, or it is short: %v", secret, err)
	}
}

// TestAFileIsReadAgain changes a file under a clock that the test moves.
func TestAFileIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tokens")
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ada, bob := "ada viewer "+digest("a")+"\n", "bob viewer "+digest("b")+"\n"
		write(ada)
		f, err := tokens.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var log syncbuf.Buffer
		f.SetLogger(slog.New(slog.NewTextHandler(&log, nil)))
		names := func() string {
			time.Sleep(time.Second)
			var all strings.Builder
			for _, token := range f.Tokens() {
				all.WriteString(token.Name + " ")
			}
			return all.String()
		}
		for _, step := range []struct {
			change func()
			want   string
			logged string
		}{
			{func() {}, "ada ", ""},
			{func() { write(bob) }, "bob ", "tokens read again"}, // of the same size
			{func() { write(ada + "eve vie") }, "bob ", "tokens:2: has 2 words"},
			{func() {}, "bob ", ""}, // and not said again
			{func() { _ = os.Remove(path) }, "bob ", "no such file"},
			{func() { write(bob) }, "bob ", "tokens read again"},
			{func() { write(ada + bob) }, "ada bob ", "tokens read again"},
			{func() { write("") }, "", "tokens read again"},
		} {
			before := len(log.String())
			step.change()
			got, logged := names(), ""
			logged = log.String()[before:]
			if got != step.want || !strings.Contains(logged, step.logged) || step.logged == "" && logged != "" {
				t.Errorf("the names are %q, want %q, and the log has %q, want %q", got, step.want, logged, step.logged)
			}
		}
	})
}

func TestAFileThatIsNotToBeTrustedIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if _, err := tokens.Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, "ada viewer %s\n", digest("a")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Open(path); runtime.GOOS != "windows" && (err == nil || !strings.Contains(err.Error(), "every user")) {
		t.Errorf("a file that every user can write: %v", err)
	}
}
