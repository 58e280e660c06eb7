package datadir_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/datadir"
)

func TestATokenIsKept(t *testing.T) {
	dir := t.TempDir()
	if token, err := datadir.Token(dir); token != "" || err != nil {
		t.Fatalf("Token of an empty directory: %q, %v", token, err)
	}
	made, err := datadir.KeepToken(dir)
	if err != nil || len(made) < 20 {
		t.Fatalf("KeepToken: %q, %v", made, err)
	}
	for what, read := range map[string]func(string) (string, error){"Token": datadir.Token, "KeepToken": datadir.KeepToken} {
		if token, err := read(dir); token != made || err != nil {
			t.Errorf("%s: %q, %v; want %q", what, token, err, made)
		}
	}
	path := filepath.Join(dir, datadir.TokenFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info, err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil { // cut off
		t.Fatal(err)
	}
	if again, err := datadir.KeepToken(dir); err != nil || len(again) < 20 || again == made {
		t.Errorf("KeepToken after an empty file: %q, %v", again, err)
	}
	if token, err := datadir.KeepToken(filepath.Join(dir, "none")); err == nil || len(token) < 20 {
		t.Errorf("KeepToken without a directory: %q, %v; want a token and an error", token, err)
	}
}
