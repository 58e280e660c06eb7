// Package config reads the configuration of a program from flags, environment
// variables and the file .env, and reports all mistakes in it together.
package config

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"strings"

	"github.com/joho/godotenv"
)

// Setting is one entry of a configuration: an environment variable, and a flag
// of the same name in lower case with hyphens.
type Setting struct {
	// Env is the name of the variable; "" means that there is only a flag.
	Env string
	// Flag is the name of the flag, if it differs from that of the variable.
	Flag string
	// Switch means that the flag needs no value: alone it means true.
	Switch bool
	// Default is the value if none is given.
	Default string
	// Usage is the help text; a word in backquotes names the value.
	Usage string
	// Set stores the value, or returns what is wrong with it. If a flag is
	// repeated, Set is called once for each value.
	Set func(string) error
}

// New returns a Setting.
func New(env, value, usage string, set func(string) error) Setting {
	return Setting{Env: env, Default: value, Usage: usage, Set: set}
}

func (s *Setting) flag() string {
	return cmp.Or(s.Flag, strings.ReplaceAll(strings.ToLower(s.Env), "_", "-"))
}

func (s *Setting) String() string {
	if s.Env == "" {
		return "-" + s.flag()
	}
	return fmt.Sprintf("%s (-%s)", s.Env, s.flag())
}

// Parse sets every setting. A flag takes precedence over the environment, the
// environment over the file .env in the working directory, and that file over
// the default. An empty value counts as not given. The error lists every
// mistake; it is flag.ErrHelp if help was requested and printed.
func Parse(program string, args []string, getenv func(string) string, all []Setting) error {
	rest, err := ParseArgs(program, args, getenv, all)
	if err == nil && len(rest) > 0 {
		return fmt.Errorf("unknown argument %.40q", rest[0])
	}
	return err
}

// ParseArgs is [Parse] for a program that takes arguments, which it returns.
// Arguments may stand before, between and after flags.
func ParseArgs(program string, args []string, getenv func(string) string, all []Setting) ([]string, error) {
	given, rest, err := parseFlags(program, args, all)
	if err != nil {
		return nil, err
	}
	file, err := godotenv.Read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New(".env cannot be read: check its quotes and permissions") // err may contain a secret
	}
	var mistakes []error
	for _, s := range all {
		values := given[s.flag()]
		if len(values) == 0 {
			values = []string{cmp.Or(getenv(s.Env), file[s.Env], s.Default)}
		}
		for _, value := range values {
			if err := s.Set(value); err != nil {
				mistakes = append(mistakes, fmt.Errorf("%s: %w", &s, err))
			}
		}
	}
	return rest, errors.Join(mistakes...)
}

// parseFlags returns the flags' values that are not empty, by flag name, and
// the other arguments.
func parseFlags(program string, args []string, all []Setting) (given map[string][]string, rest []string, err error) {
	given = map[string][]string{}
	flags := flag.NewFlagSet(program, flag.ContinueOnError)
	for _, s := range all {
		add := func(v string) error {
			if v != "" {
				given[s.flag()] = append(given[s.flag()], v)
			}
			return nil
		}
		if s.Switch {
			flags.BoolFunc(s.flag(), s.usage(), add)
		} else {
			flags.Func(s.flag(), s.usage(), add)
		}
	}
	for {
		if err := flags.Parse(args); err != nil {
			return nil, nil, err
		}
		left := flags.Args()
		parsed := len(args) - len(left)
		if len(left) == 0 || parsed > 0 && args[parsed-1] == "--" {
			return given, append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

func (s *Setting) usage() string {
	usage := s.Usage
	if s.Env != "" {
		usage += " [" + s.Env + "]"
	}
	if s.Default != "" && !s.Switch {
		usage += " (default " + s.Default + ")"
	}
	return usage
}
