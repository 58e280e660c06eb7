package cli

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v3"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// scripts are the completion scripts. They call the program with the words of the
// line, the current one last and perhaps empty, and completionFlag. Those of the
// library need the package bash-completion, and run what a line to complete has
// in $( ).
//
//go:embed completion
var scripts embed.FS

// shells are the shells that have a script.
var shells = []string{"bash", "fish", "zsh"} //nolint:gochecknoglobals // a constant

// completionFlag is the last argument of a call by a completion script.
const completionFlag = "--generate-shell-completion"

// completion returns the command that prints the completion scripts.
func (p *Program) completion() Command {
	return Command{
		Name: "completion", About: "print the completion script of a shell", Args: strings.Join(shells, " | "), Least: 1, Most: 1, Actions: shells,
		More: "bash: source <(" + p.Name + " completion bash), in ~/.bashrc\n" +
			"zsh:  source <(" + p.Name + " completion zsh), in ~/.zshrc after compinit\n" +
			"fish: " + p.Name + " completion fish > ~/.config/fish/completions/" + p.Name + ".fish",
		Run: func(_ context.Context, t *Terminal, args []string) error {
			script, err := scripts.ReadFile("completion/" + args[0])
			if err != nil {
				return Usagef("completion: %.40q: want one of %v", args[0], shells)
			}
			_, err = t.Out.Write([]byte(strings.ReplaceAll(string(script), "PROGRAM", p.Name)))
			return err
		},
	}
}

// complete prints what the last of some words may become: a word a line, and its
// description after a tab.
func (p *Program) complete(t *Terminal, parsed *urfave.Command, c *Command, words []string) {
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "=" || word == completionFlag })
	if slices.Contains(words[:max(len(words)-1, 0)], "--") || len(words) == 0 {
		return
	}
	current, before := words[len(words)-1], ""
	if len(words) > 1 {
		before = words[len(words)-2]
	}
	offer := func(word, about string) {
		if strings.HasPrefix(word, current) {
			t.print("%s\t%s\n", word, about)
		}
	}
	dashes := current[:len(current)-len(strings.TrimLeft(current, "-"))]
	name, _, hasValue := strings.Cut(current[len(dashes):], "=")
	isRoot := parsed == parsed.Root()
	switch {
	case valueOf(c, before) != nil:
		for _, word := range valueOf(c, before).Words {
			offer(word, "")
		}
	case dashes != "" && hasValue:
		if s := valueOf(c, dashes+name); s != nil {
			for _, word := range s.Words {
				offer(dashes+name+"="+word, "")
			}
		}
	case dashes != "":
		for i := range c.Settings {
			offer(dashes+c.Settings[i].Name(), c.Settings[i].Short())
		}
		offer(dashes+"help", "print the flags")
		if isRoot {
			offer(dashes+"version", "print the version")
		}
	case isRoot:
		for i := range p.Commands {
			offer(p.Commands[i].Name, p.Commands[i].About)
		}
		offer("help", "print the flags of a command")
	case parsed.NArg() <= 1:
		for _, word := range c.Actions {
			offer(word, "")
		}
	}
}

// valueOf returns the setting whose flag a word is, if that needs a value.
func valueOf(c *Command, word string) *config.Setting {
	for i := range c.Settings {
		s := &c.Settings[i]
		if !s.Switch && (word == "-"+s.Name() || word == "--"+s.Name()) {
			return s
		}
	}
	return nil
}

// manual returns the command that prints the manual.
func (p *Program) manual() Command {
	return Command{
		Name: "man", About: "print the manual page: " + p.Name + " man | man -l -", Most: 0,
		Run: func(_ context.Context, t *Terminal, _ []string) error {
			_, err := fmt.Fprint(t.Out, p.page())
			return err
		},
	}
}
