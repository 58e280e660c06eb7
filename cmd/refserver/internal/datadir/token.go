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

// TokenFile is the name of the file with the token that a server generated.
const TokenFile = "admin-token"

// form is that of a generated token.
var form = regexp.MustCompile(`^[A-Z2-7]{26,}\n?$`)

// Token returns the token that a server has generated for a data directory, or ""
// if there is none. A file that others can write, or that no server has written, is
// an error.
func Token(dir string) (string, error) {
	path := filepath.Join(dir, TokenFile)
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
		return "", fmt.Errorf("%s has no token of a server: remove it", path)
	}
	return strings.TrimSpace(string(text)), nil
}

// KeepToken returns the token of a data directory, and generates one if there is
// none. The directory must be locked. If the file cannot be read or written, the
// token is a new one and the error says why it is not kept.
func KeepToken(dir string) (string, error) {
	token, err := Token(dir)
	if token != "" {
		return token, nil
	}
	token = rand.Text()
	if err == nil {
		err = write(filepath.Join(dir, TokenFile), token+"\n")
	}
	if err != nil {
		return token, fmt.Errorf("keep the token: %w", err)
	}
	return token, nil
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
