package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/doctor"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// Doctor prints what is wrong with a configuration or what it names, a line
// for each check. With mistakes in the configuration nothing else can be
// looked at. It returns an error if a check failed.
func Doctor(ctx context.Context, t *Terminal, mistakes error, o *doctor.Options) error {
	failed := int64(0)
	show := func(f doctor.Finding) {
		if f.Level == doctor.Fail {
			failed++
		}
		t.print("%-4s  %-14s  %s\n", f.Level, f.Check, texttable.Plain(f.Text))
	}
	if mistakes != nil {
		for line := range strings.Lines(mistakes.Error()) {
			show(doctor.Finding{Level: doctor.Fail, Check: "configuration", Text: strings.TrimSpace(line)})
		}
		return fmt.Errorf("doctor: %s; the rest is checked when they are put right", count(failed, "mistake"))
	}
	show(doctor.Finding{Level: doctor.OK, Check: "configuration", Text: "can be read"})
	doctor.Run(ctx, o, show)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("doctor: %w", ctx.Err())
	case failed > 0:
		return fmt.Errorf("doctor: %s failed", count(failed, "check"))
	}
	return nil
}
