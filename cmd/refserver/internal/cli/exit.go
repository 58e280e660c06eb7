package cli

import (
	"errors"
	"fmt"
)

// The exit statuses of a program. They are part of its interface: scripts tell
// what to repeat by them.
const (
	exitOK          = 0
	exitRefused     = 1 // the server or the data says no, or a part failed
	exitUsage       = 2 // wrong flags, arguments or settings; nothing was tried
	exitUnreachable = 3 // no server answers
)

// ExitStatus returns the exit status for the error of a run.
func ExitStatus(err error) int {
	if err == nil {
		return exitOK
	}
	if _, wrong := errors.AsType[*usageError](err); wrong {
		return exitUsage
	}
	if _, away := errors.AsType[*unreachableError](err); away {
		return exitUnreachable
	}
	return exitRefused
}

// usageError is a mistake in flags, arguments or settings.
type usageError struct{ error }

// Unwrap returns the mistake.
func (e *usageError) Unwrap() error { return e.error }

// Usagef returns an error in the usage of a command.
func Usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// unreachableError means that there was no answer.
type unreachableError struct {
	text string
	// refused means that no connection was made: nothing has reached a server.
	refused bool
}

// Error returns what happened.
func (e *unreachableError) Error() string { return e.text }

// unreachable returns the unreachableError in err.
func unreachable(err error) (*unreachableError, bool) { return errors.AsType[*unreachableError](err) }
