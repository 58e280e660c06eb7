package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/doctor"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// Doctor checks the configuration and the backends of a server, and prints a
// line for each finding. If the configuration has mistakes, it prints only
// those. It returns an error if a check fails.
func Doctor(ctx context.Context, t *Terminal, args []string) error {
	failed := int64(0)
	show := func(f doctor.Finding) {
		if f.Level == doctor.Fail {
			failed++
		}
		t.print("%-4s  %-14s  %s\n", f.Level, f.Check, texttable.Plain(f.Text))
	}
	c, err := config.Load(args, t.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			show(doctor.Finding{Level: doctor.Fail, Check: "configuration", Text: strings.TrimSpace(line)})
		}
		return fmt.Errorf("doctor: %s; fix the configuration to run the other checks", count(failed, "mistake"))
	}
	show(doctor.Finding{Level: doctor.OK, Check: "configuration", Text: "valid"})
	doctor.Run(ctx, c, show)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("doctor: %w", ctx.Err())
	case failed > 0:
		return fmt.Errorf("doctor: %s failed", count(failed, "check"))
	}
	return nil
}
