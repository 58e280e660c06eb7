package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
)

// Command is one command of a program.
type Command struct {
	Name string
	// About is its description in the list of commands.
	About string
	// Run runs it. It returns flag.ErrHelp if help was requested and printed.
	Run func(ctx context.Context, t *Terminal, args []string) error
}

// Program is a program with several commands.
type Program struct {
	Name string
	// Commands are its commands. The first one runs if no command is named.
	Commands []Command
}

// Run runs the command that args name. Every error begins with the name of the
// program.
func (p *Program) Run(ctx context.Context, t *Terminal, args []string) error {
	err := p.run(ctx, t, args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return fmt.Errorf("%s: %w", p.Name, err)
}

func (p *Program) run(ctx context.Context, t *Terminal, args []string) error {
	first := &p.Commands[0]
	switch {
	case len(args) == 0:
		return first.Run(ctx, t, args)
	case isHelp(args[0]):
		if len(args) > 1 && args[0] == "help" {
			return p.run(ctx, t, []string{args[1], "-h"})
		}
		if err := p.help(t); err != nil || args[0] == "help" {
			return err
		}
		return first.Run(ctx, t, []string{"-h"})
	case strings.HasPrefix(args[0], "-"):
		return first.Run(ctx, t, args)
	}
	for i := range p.Commands {
		if p.Commands[i].Name == args[0] {
			return p.Commands[i].Run(ctx, t, args[1:])
		}
	}
	return p.unknown(args[0])
}

func isHelp(arg string) bool { return slices.Contains([]string{"help", "-h", "-help", "--help"}, arg) }

func (p *Program) help(t *Terminal) error {
	width := 0
	for i := range p.Commands {
		width = max(width, len(p.Commands[i].Name))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [command] [flags]\n\nCommands:\n", p.Name)
	for i := range p.Commands {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, p.Commands[i].Name, p.Commands[i].About)
	}
	fmt.Fprintf(&b, "\nThe default command is %s. Run %s help COMMAND to list its flags.\n", p.Commands[0].Name, p.Name)
	_, err := fmt.Fprint(t.Out, b.String())
	return err
}

// unknown returns the error for an unknown command. It suggests a similar one.
func (p *Program) unknown(word string) error {
	guess, least := "", 2+min(len(word), 20)/4
	for i := range p.Commands {
		if d := distance(word[:min(len(word), 40)], p.Commands[i].Name); d < least {
			guess, least = fmt.Sprintf("; did you mean %s?", p.Commands[i].Name), d
		}
	}
	return fmt.Errorf("unknown command %.40q%s (run %s help to list the commands)", word, guess, p.Name)
}

// distance returns the number of bytes to insert, delete, change, or swap with
// their neighbour to turn a into b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
