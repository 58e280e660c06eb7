// Package settings reads a program's configuration from flags, the
// environment and a file .env, and tells all mistakes in it at once.
package settings

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
	Env string
	// Flag is the name of the flag if it is another.
	Flag string
	// Default is the value where none is given.
	Default string
	// Usage says what it is for; a word in backquotes names the value.
	Usage string
	// Set takes the value, or says what is wrong with it.
	Set func(string) error
}

// New returns a Setting.
func New(env, value, usage string, set func(string) error) Setting {
	return Setting{Env: env, Default: value, Usage: usage, Set: set}
}

func (s *Setting) flag() string {
	return cmp.Or(s.Flag, strings.ReplaceAll(strings.ToLower(s.Env), "_", "-"))
}

// Load sets every setting: a flag goes before the environment, that before the
// file .env in the working directory, and that before the default. An empty
// value counts as none. The error lists every mistake; it is flag.ErrHelp if
// help was asked for and printed.
func Load(program string, args []string, getenv func(string) string, all []Setting) error {
	given, err := parseFlags(program, args, all)
	if err != nil {
		return err
	}
	file, err := godotenv.Read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.New(".env cannot be read: check its quotes and permissions") // err may cite a secret
	}
	var mistakes []error
	for _, s := range all {
		value := s.Default
		for _, candidate := range []string{given[s.Env], getenv(s.Env), file[s.Env]} {
			if candidate != "" {
				value = candidate
				break
			}
		}
		if err := s.Set(value); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s (-%s): %w", s.Env, s.flag(), err))
		}
	}
	return errors.Join(mistakes...)
}

// parseFlags returns the flags that are given, by environment name.
func parseFlags(program string, args []string, all []Setting) (map[string]string, error) {
	given := map[string]string{}
	flags := flag.NewFlagSet(program, flag.ContinueOnError)
	for _, s := range all {
		usage := fmt.Sprintf("%s [%s]", s.Usage, s.Env)
		if s.Default != "" {
			usage += fmt.Sprintf(" (default %s)", s.Default)
		}
		flags.Func(s.flag(), usage, func(v string) error { given[s.Env] = v; return nil })
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %.40q", flags.Arg(0))
	}
	return given, nil
}
