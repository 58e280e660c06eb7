package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	urfave "github.com/urfave/cli/v3"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// Program is a program with several commands.
type Program struct {
	Name, About, Version string
	// Commands are its commands. The first one runs if no command is named.
	Commands []Command
}

// Run runs the command that args name. Every error begins with the name of the
// program; [ExitStatus] tells what kind it is.
func (p *Program) Run(ctx context.Context, t *Terminal, args []string) error {
	p.Commands = append(p.Commands, p.manual(), p.completion())
	root := p.tree(t, args)
	topic := "" // of help, if there is none
	root.CommandNotFound = func(_ context.Context, _ *urfave.Command, word string) { topic = word }
	err := root.Run(ctx, append([]string{p.Name}, helpFirst(args)...))
	if topic != "" {
		err = p.unknown(topic)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	return nil
}

// helpFirst leaves out what stands beside a command and its help flag: the library
// takes an argument for the name of another command then.
func helpFirst(args []string) []string {
	for i, word := range args {
		switch {
		case word == "--":
			return args
		case i > 0 && slices.Contains([]string{"-h", "--h", "-help", "--help"}, word) && !strings.HasPrefix(args[0], "-"):
			return []string{args[0], "--help"}
		}
	}
	return args
}

// tree returns the commands for the library that parses them.
func (p *Program) tree(t *Terminal, args []string) *urfave.Command {
	root := p.parsed(t, &p.Commands[0], args)
	root.Name, root.Usage, root.Version = p.Name, p.About, p.Version
	root.UsageText = fmt.Sprintf("%s [flags]                        %s\n%[1]s COMMAND [flags] [arguments]    %[1]s help COMMAND lists its flags",
		p.Name, p.Commands[0].About)
	root.HideHelpCommand = false
	root.EnableShellCompletion, root.ShellCompletionCommandName = true, "generate-completion"
	root.ExitErrHandler = func(context.Context, *urfave.Command, error) {} // main exits
	for i := range p.Commands {
		root.Commands = append(root.Commands, p.parsed(t, &p.Commands[i], args))
	}
	return root
}

// parsed returns a command for the library. A usage error is only an error: help
// was not asked for.
func (p *Program) parsed(t *Terminal, c *Command, args []string) *urfave.Command {
	parsed := &urfave.Command{
		Name: c.Name, Usage: c.About, Description: c.More, UsageText: c.usage(p.Name),
		Writer: t.Out, ErrWriter: t.Err, HideHelpCommand: true,
		OnUsageError: func(_ context.Context, parsed *urfave.Command, err error, _ bool) error {
			return p.misused(parsed, err)
		},
		ShellComplete: func(_ context.Context, parsed *urfave.Command) { p.complete(t, parsed, c, args) },
	}
	for i := range c.Settings {
		parsed.Flags = append(parsed.Flags, flagOf(&c.Settings[i]))
	}
	parsed.Action = func(ctx context.Context, parsed *urfave.Command) error {
		words := parsed.Args().Slice()
		if parsed == parsed.Root() && len(words) > 0 {
			return p.unknown(words[0])
		}
		if early := parsed.Root().LocalFlagNames(); parsed != parsed.Root() && len(early) > 0 {
			return Usagef("-%s stands before the command; put it after %s", early[0], c.Name)
		}
		return c.run(ctx, t, p.Name, words, given(parsed, c.Settings))
	}
	return parsed
}

// flagOf returns the flag of a setting. The library only collects values, so that
// all mistakes are reported together and no error repeats a secret.
func flagOf(s *config.Setting) urfave.Flag {
	if s.Switch {
		return &urfave.BoolFlag{Name: s.Name(), Usage: s.Help(), Local: true, HideDefault: true}
	}
	return &urfave.GenericFlag{Name: s.Name(), Usage: s.Help(), Value: &collected{}, DefaultText: s.Default, HideDefault: s.Default == "", Local: true}
}

// collected has the values of a flag.
type collected []string

// Set adds a value; an empty one counts as not given.
func (c *collected) Set(v string) error {
	if v != "" {
		*c = append(*c, v)
	}
	return nil
}

// String returns nothing: help has the default.
func (c *collected) String() string { return "" }

// Get returns the values.
func (c *collected) Get() any { return []string(*c) }

// given returns the values of the flags that were given.
func given(parsed *urfave.Command, settings []config.Setting) map[string][]string {
	flags := map[string][]string{}
	for i := range settings {
		name := settings[i].Name()
		switch v := parsed.Value(name).(type) {
		case []string:
			flags[name] = v
		case *collected:
			flags[name] = *v
		case bool:
			if parsed.IsSet(name) {
				flags[name] = []string{strconv.FormatBool(v)}
			}
		}
	}
	return flags
}

// misused returns the error for flags that cannot be parsed. It suggests a
// similar flag.
func (p *Program) misused(parsed *urfave.Command, err error) error {
	command := ""
	if parsed != parsed.Root() {
		command = parsed.Name + ": "
	}
	name, isUnknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !isUnknown {
		return Usagef("%s%w", command, err)
	}
	var names []string
	for _, f := range parsed.Flags {
		names = append(names, f.Names()...)
	}
	return Usagef("%sunknown flag %.40q%s (%s -h lists the flags)", command, "-"+name, didYouMean("-", name, names),
		strings.TrimSpace(p.Name+" "+strings.TrimSuffix(command, ": ")))
}

// unknown returns the error for an unknown command. It suggests a similar one.
func (p *Program) unknown(word string) error {
	names := make([]string, len(p.Commands))
	for i := range p.Commands {
		names[i] = p.Commands[i].Name
	}
	return Usagef("unknown command %.40q%s (%s help lists the commands)", word, didYouMean("", word, names), p.Name)
}

// didYouMean suggests the most similar of some names, if one is similar.
func didYouMean(prefix, word string, names []string) string {
	short := strings.ToLower(word[:min(len(word), 40)])
	flags := make([]urfave.Flag, len(names))
	for i, name := range names {
		flags[i] = &urfave.BoolFlag{Name: name}
	}
	best := strings.TrimLeft(urfave.SuggestFlag(flags, short, true), "-")
	if best == "" || !similar(short, best) {
		return ""
	}
	return fmt.Sprintf("; did you mean %s%s?", prefix, best)
}

// similar reports whether at least two thirds of the letters of the longer word are
// in both: the library suggests the best name, however bad it is.
func similar(a, b string) bool {
	left := []byte(b)
	common := 0
	for i := range len(a) {
		if at := slices.Index(left, a[i]); at >= 0 {
			left = slices.Delete(left, at, at+1)
			common++
		}
	}
	return 3*common >= 2*max(len(a), len(b)) && cmp.Or(len(a), len(b)) > 1
}
