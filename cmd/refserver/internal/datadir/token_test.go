package datadir_test

import (
	"errors"
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

func TestAKeyIsKept(t *testing.T) {
	dir := t.TempDir()
	token, err := datadir.KeepToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	made, err := datadir.KeepKey(dir)
	if err != nil || len(made) < 32 || string(made) == token {
		t.Fatalf("KeepKey: %q, %v", made, err)
	}
	if again, err := datadir.KeepKey(dir); err != nil || string(again) != string(made) {
		t.Errorf("KeepKey again: %q, %v; want %q", again, err, made)
	}
	if info, err := os.Stat(filepath.Join(dir, datadir.KeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info, err)
	}
	if other, err := datadir.KeepKey(filepath.Join(dir, "none")); err == nil || len(other) < 32 || string(other) == string(made) {
		t.Errorf("KeepKey without a directory: %q, %v; want a key and an error", other, err)
	}
}

func TestAPlantedTokenIsRefused(t *testing.T) {
	good := "ABCDEFGHIJKLMNOPQRSTUVWXYZ\n"
	for name, plant := range map[string]func(path string) error{
		"others may write it": func(path string) error {
			return errors.Join(os.WriteFile(path, []byte(good), 0o600), os.Chmod(path, 0o666))
		},
		"cut off": func(path string) error { return os.WriteFile(path, []byte("H"), 0o600) },
		"control": func(path string) error {
			return os.WriteFile(path, []byte("\x1b]0;ABCDEFGHIJKLMNOPQRSTUVWXYZ\a"), 0o600)
		},
		"large":       func(path string) error { return os.WriteFile(path, make([]byte, 1000), 0o600) },
		"a link":      func(path string) error { return os.Symlink("/dev/zero", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := plant(filepath.Join(dir, datadir.TokenFile)); err != nil {
				t.Fatal(err)
			}
			if token, err := datadir.Token(dir); token != "" || err == nil {
				t.Errorf("Token: %q, %v", token, err)
			}
			if token, err := datadir.KeepToken(dir); len(token) < 20 || err == nil {
				t.Errorf("KeepToken: %q, %v; want a new one and an error", token, err)
			}
		})
	}
}

func TestATokenIsWrittenThroughNoLink(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), os.Symlink(victim, filepath.Join(dir, datadir.TokenFile+".new"))); err != nil {
		t.Fatal(err)
	}
	if _, err := datadir.KeepToken(dir); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
		t.Errorf("the file behind the link has %q, %v", text, err)
	}
}
