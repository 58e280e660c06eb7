// Package config reads the configuration of a program from flags, environment
// variables and the file .env, and reports all mistakes in it together.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
	// Words are all values that Set accepts, if they are few; else nil.
	Words []string
	// Set stores the value, or returns what is wrong with it. If a flag is
	// repeated, Set is called once for each value.
	Set func(string) error
}

// New returns a Setting.
func New(env, value, usage string, set func(string) error) Setting {
	return Setting{Env: env, Default: value, Usage: usage, Set: set}
}

// NewSwitch returns a Setting whose flag needs no value.
func NewSwitch(env, usage string, p *bool) Setting {
	return Setting{Env: env, Switch: true, Default: "false", Usage: usage, Set: Bool(p)}
}

// Among returns the setting, which then accepts only some words, or nothing.
func (s Setting) Among(words ...string) Setting {
	set := s.Set
	s.Words = words
	s.Set = func(v string) error {
		if v != "" && !slices.Contains(words, v) {
			return fmt.Errorf("%.40q: want one of %v", v, words)
		}
		return set(v)
	}
	return s
}

// Name returns the name of the flag.
func (s *Setting) Name() string {
	return cmp.Or(s.Flag, strings.ReplaceAll(strings.ToLower(s.Env), "_", "-"))
}

// Value returns what the value is called, "" for that of a switch.
func (s *Setting) Value() string {
	if s.Switch {
		return ""
	}
	if parts := strings.SplitN(s.Usage, "`", 3); len(parts) == 3 {
		return parts[1]
	}
	return "value"
}

// Help returns the help text, with the name of the variable.
func (s *Setting) Help() string {
	if s.Env == "" {
		return s.Usage
	}
	return s.Usage + " [" + s.Env + "]"
}

// Short returns the beginning of the help text.
func (s *Setting) Short() string {
	short, _, _ := strings.Cut(strings.ReplaceAll(s.Usage, "`", ""), ";")
	return short
}

func (s *Setting) String() string {
	if s.Env == "" {
		return "-" + s.Name()
	}
	return fmt.Sprintf("%s (-%s)", s.Env, s.Name())
}

// Apply sets every setting. A flag takes precedence over the environment, the
// environment over the file .env in the working directory, and that file over
// the default. An empty value counts as not given. Flags has the values of those
// that were given, by name. The error lists every mistake.
func Apply(all []Setting, flags map[string][]string, getenv func(string) string) error {
	file, err := godotenv.Read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.New(".env cannot be read: check its quotes and permissions") // err may contain a secret
	}
	var mistakes []error
	for _, s := range all {
		values := flags[s.Name()]
		if len(values) == 0 {
			values = []string{cmp.Or(getenv(s.Env), file[s.Env], s.Default)}
		}
		for _, value := range values {
			if err := s.Set(value); err != nil {
				mistakes = append(mistakes, fmt.Errorf("%s: %w", &s, err))
			}
		}
	}
	return errors.Join(mistakes...)
}
