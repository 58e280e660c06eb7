package datadir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

const (
	// TokenFile is the name of the file with the token that a server generated.
	TokenFile = "admin-token"
	// KeyFile is the name of the file with the key that signs sessions.
	KeyFile = "session-key"
)

// form is that of a generated token, or of a key.
var form = regexp.MustCompile(`^[A-Z2-7]{26,}\n?$`)

// Token returns the token that a server has generated for a data directory, or ""
// if there is none. A file that others can write, or that no server has written, is
// an error.
func Token(dir string) (string, error) { return secret(filepath.Join(dir, TokenFile)) }

func secret(path string) (string, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 && info.Mode().IsRegular():
		return "", nil // one of size 0 was cut off
	case err != nil:
		return "", err
	case !info.Mode().IsRegular() || info.Size() > 100 || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s is not a file that only its owner may read: remove it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if !form.Match(text) {
		return "", fmt.Errorf("%s is not what a server has written: remove it", path)
	}
	return strings.TrimSpace(string(text)), nil
}

// KeepToken returns the token of a data directory, and generates one if there is
// none. The directory must be locked. If the file cannot be read or written, the
// token is a new one and the error says why it is not kept.
func KeepToken(dir string) (string, error) { return keep(filepath.Join(dir, TokenFile), rand.Text()) }

// KeepKey returns the key that signs the sessions of a data directory, and
// generates one if there is none, as KeepToken does.
func KeepKey(dir string) ([]byte, error) {
	key, err := keep(filepath.Join(dir, KeyFile), rand.Text()+rand.Text())
	return []byte(key), err
}

// keep returns the secret in a file. If there is none, it is the one that is given.
func keep(path, generated string) (string, error) {
	found, err := secret(path)
	if found != "" {
		return found, nil
	}
	if err == nil {
		err = write(path, generated+"\n")
	}
	if err != nil {
		return generated, fmt.Errorf("keep %s: %w", filepath.Base(path), err)
	}
	return generated, nil
}

// write writes a file that only its owner may read, whole or not at all. It
// follows no link, and keeps nothing of a file that was left there.
func write(path, text string) error {
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(next, path)
}
