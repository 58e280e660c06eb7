package datadir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// TokenFile is the name of the file with the token that a server generated.
const TokenFile = "admin-token"

// Token returns the token that a server has generated for a data directory, or ""
// if there is none.
func Token(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, TokenFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
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

// write writes a file that only its owner may read, whole or not at all.
func write(path, text string) error {
	next := path + ".new"
	err := os.WriteFile(next, []byte(text), 0o600)
	if err == nil {
		err = os.Rename(next, path)
	}
	return err
}
