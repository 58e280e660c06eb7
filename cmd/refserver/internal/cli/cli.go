// Package cli implements the commands of refserver that users run in a terminal.
// They talk to a running server or check its configuration, and print for a
// screen or a pipe.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// Terminal is the input, output and environment of a command.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// Getenv returns an environment variable.
	Getenv func(string) string
	// Columns returns the width of the screen that w writes to, or 0 if w is not
	// a screen; nil means that there is no screen.
	Columns func(w io.Writer) int
}

// Process returns the Terminal of this process.
func Process() *Terminal {
	return &Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Columns: columns}
}

// defaultColumns is the width of a screen whose size is unknown.
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

// columns returns the width of the screen that w writes to, or 0.
func (t *Terminal) columns(w io.Writer) int {
	if t.Columns == nil {
		return 0
	}
	return t.Columns(w)
}

// print prints a result, warn a remark. Both ignore errors: there is no other
// place to report them.
func (t *Terminal) print(format string, args ...any) { _, _ = fmt.Fprintf(t.Out, format, args...) }

func (t *Terminal) warn(format string, args ...any) { _, _ = fmt.Fprintf(t.Err, format, args...) }

// sleep waits for d or until ctx ends, and then returns its error.
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
