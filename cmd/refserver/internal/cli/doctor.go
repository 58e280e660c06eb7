package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/doctor"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// Doctor returns the command that checks the configuration and the backends of a
// server, and prints a line for each finding. If the configuration has mistakes, it
// prints only those. Its error says that a check failed.
func Doctor() Command {
	c := &config.Config{}
	return Command{
		Name: "doctor", About: "check the configuration and the backends without changing anything",
		Settings: c.Settings(),
		Misread:  misread,
		Run: func(ctx context.Context, t *Terminal, _ []string) error {
			if err := c.Complete(); err != nil {
				return misread(t, err)
			}
			return examine(ctx, t, c)
		},
	}
}

// misread prints the mistakes of a configuration as findings.
func misread(t *Terminal, mistakes error) error {
	failed := int64(0)
	for line := range strings.Lines(mistakes.Error()) {
		printFinding(t, doctor.Finding{Level: doctor.Fail, Check: "configuration", Text: strings.TrimSpace(line)})
		failed++
	}
	return Usagef("doctor: %s; fix the configuration to run the other checks", count(failed, "mistake"))
}

func printFinding(t *Terminal, f doctor.Finding) {
	t.print("%-4s  %-14s  %s\n", f.Level, f.Check, texttable.Plain(f.Text))
}

// examine runs the checks.
func examine(ctx context.Context, t *Terminal, c *config.Config) error {
	failed := int64(0)
	printFinding(t, doctor.Finding{Level: doctor.OK, Check: "configuration", Text: "valid"})
	doctor.Run(ctx, c, func(f doctor.Finding) {
		if f.Level == doctor.Fail {
			failed++
		}
		printFinding(t, f)
	})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("doctor: %w", ctx.Err())
	case failed > 0:
		return fmt.Errorf("doctor: %s failed", count(failed, "check"))
	}
	return nil
}
