package tokens

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

const (
	// readEvery is how often a file is read at most. It is read and not asked for
	// its time, which says nothing about two changes within one tick of its clock.
	readEvery = time.Second
	// maxBytes is the greatest size of a file.
	maxBytes = 1 << 20
)

// File is a TOKENS_FILE that is read again while the server runs. It is safe for
// concurrent use.
type File struct {
	path string

	mu     sync.Mutex
	logger *slog.Logger
	read   time.Time // when the file was read last
	text   string    // of that time
	wrong  string    // the error of that time
	tokens []httpapi.Token
}

// Open reads a file.
func Open(path string) (*File, error) {
	f := &File{path: path, logger: slog.New(slog.DiscardHandler), read: time.Now()}
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	f.text = text
	f.tokens, err = Parse(filepath.Base(path), []byte(text))
	return f, err
}

// SetLogger sets where changes are logged.
func (f *File) SetLogger(logger *slog.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logger = logger
}

// Tokens returns the tokens of the file as it was a second ago or later. If it
// cannot be read or has a mistake now, the tokens stay, and the log says so once.
// The slice must not be changed.
func (f *File) Tokens() []httpapi.Token {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.read) >= readEvery {
		f.read = time.Now()
		f.refresh()
	}
	return f.tokens
}

func (f *File) refresh() {
	text, err := readFile(f.path)
	if err == nil && text == f.text && f.wrong == "" {
		return
	}
	var tokens []httpapi.Token
	if err == nil {
		tokens, err = Parse(filepath.Base(f.path), []byte(text))
	}
	if err != nil {
		if f.wrong != err.Error() {
			f.logger.Error("tokens not read again, the earlier ones stay", "file", f.path, "err", err)
		}
		f.wrong = err.Error()
		return
	}
	f.text, f.wrong, f.tokens = text, "", tokens
	f.logger.Info("tokens read again", "file", f.path, "tokens", len(tokens))
}

// readFile returns the text of a file that not every user can write.
func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0 {
		return "", fmt.Errorf("%s can be changed by every user of this machine", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && len(text) > maxBytes {
		err = fmt.Errorf("%s has more than %d bytes", path, maxBytes)
	}
	return string(text), err
}

// Add appends the line of a token to a file, which only its owner may read if it is
// new. A file with a mistake, or with a token of this name, is left as it is.
func Add(path string, t *httpapi.Token) error {
	text, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	name := filepath.Base(path)
	tokens, err := Parse(name, []byte(text))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(tokens, func(other httpapi.Token) bool { return other.Name == t.Name }) {
		return fmt.Errorf("%s has a token named %q already", name, t.Name)
	}
	line := Line(t) + "\n"
	if text != "" && text[len(text)-1] != '\n' {
		line = "\n" + line
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
