package cli

import (
	"context"
	"fmt"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// Command is one command of a program. It is made for one run: its settings store
// what is given in variables that Run reads.
type Command struct {
	Name string
	// About is its description in the list of commands, More what its own help and
	// the manual add; "" means nothing.
	About, More string
	// Args names its arguments in the usage, such as ID...
	Args string
	// Least and Most are how many arguments it takes; a negative Most means any
	// number.
	Least, Most int
	// Actions are the words that its first argument may be, to be completed.
	Actions []string
	// Settings are its flags and variables: those that it uses, and no others.
	Settings []config.Setting
	// Misread is called instead of Run if settings have mistakes; nil means that
	// they are an error in the usage.
	Misread func(t *Terminal, mistakes error) error
	// Run runs it with its arguments.
	Run func(ctx context.Context, t *Terminal, args []string) error
}

// usage returns how to call the command of a program.
func (c *Command) usage(program string) string {
	text := program + " " + c.Name
	if len(c.Settings) > 0 {
		text += " [flags]"
	}
	if c.Args != "" {
		text += " " + c.Args
	}
	return text
}

// run checks arguments and settings, and runs the command. Flags have the values
// that were given, by name.
func (c *Command) run(ctx context.Context, t *Terminal, program string, args []string, flags map[string][]string) error {
	switch {
	case c.Most >= 0 && len(args) > c.Most:
		return Usagef("%s: unknown argument %.40q; usage: %s", c.Name, args[c.Most], c.usage(program))
	case len(args) < c.Least:
		return Usagef("%s: missing argument; usage: %s", c.Name, c.usage(program))
	}
	err := config.Apply(c.Settings, flags, t.Getenv)
	switch {
	case err == nil:
		return c.Run(ctx, t, args)
	case c.Misread != nil:
		return c.Misread(t, err)
	}
	return Misconfigured(c.Name, err)
}

// Misconfigured returns the error for mistakes in the settings of a command, each
// on a line of its own.
func Misconfigured(command string, mistakes error) error {
	if many, ok := mistakes.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 1 {
		return &usageError{fmt.Errorf("%s: configuration:\n%w", command, mistakes)}
	}
	return &usageError{fmt.Errorf("%s: %w", command, mistakes)}
}
