// Package cli has the commands that people type: they speak to a running
// server or look at what it stands on, and print for a screen or a pipe.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// Terminal is what a command reads, writes and knows of its surroundings.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// Getenv returns an environment variable.
	Getenv func(string) string
	// Columns returns the width of the screen that w writes to, 0 if it is no
	// screen; nil means that there is none.
	Columns func(w io.Writer) int
}

// Process returns the Terminal of this process.
func Process() *Terminal {
	return &Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Columns: columns}
}

// defaultColumns is the width of a screen that does not tell its own.
const defaultColumns = 80

func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return defaultColumns
}

// columns returns the width of the screen behind w, 0 if there is none.
func (t *Terminal) columns(w io.Writer) int {
	if t.Columns == nil {
		return 0
	}
	return t.Columns(w)
}

// print prints a result, warn what is beside it. Where nobody can be told any
// more, there is nobody to tell that either.
func (t *Terminal) print(format string, args ...any) { _, _ = fmt.Fprintf(t.Out, format, args...) }

func (t *Terminal) warn(format string, args ...any) { _, _ = fmt.Fprintf(t.Err, format, args...) }

// sleep waits, unless ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
