// Package doctor checks the backends and the addresses of a server without
// changing data. Each finding says what is wrong and what to do. A server may be
// running at the same time.
package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
)

// Level is the severity of a finding.
type Level string

// The levels. A server cannot work if there is a Fail.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

// Finding is the result of one check.
type Finding struct {
	Level Level
	// Check is the name of the check.
	Check string
	// Text says what was found and, unless the level is OK, what to do.
	Text string
}

// checkTimeout bounds one check.
const checkTimeout = 15 * time.Second

// checkup is one run of all checks.
type checkup struct {
	*config.Config
	report func(Finding)
	locked bool // a running server uses DATA_DIR
}

// Run checks everything that c names. It calls report with each finding as soon
// as it is made.
func Run(ctx context.Context, c *config.Config, report func(Finding)) {
	u := &checkup{Config: c, report: report}
	for _, check := range []func(context.Context){u.directory, u.store, u.queue, u.server, u.operators, u.zones} {
		bounded, cancel := context.WithTimeout(ctx, checkTimeout)
		check(bounded)
		cancel()
		if ctx.Err() != nil {
			return
		}
	}
}

func (c *checkup) say(level Level, check, format string, args ...any) {
	c.report(Finding{level, check, fmt.Sprintf(format, args...)})
}

// zones checks that time zone data can be loaded.
func (c *checkup) zones(context.Context) {
	const check = "time zones"
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Kathmandu"} {
		if _, err := time.LoadLocation(name); err != nil {
			c.say(Fail, check, "%v: unset ZONEINFO or point it to a complete database", err)
			return
		}
	}
	c.say(OK, check, "time zone data is available")
}

// clock compares the clock of a backend with ours. It assumes that the answer
// was made halfway between question and receipt.
func (c *checkup) clock(backend string, theirs, asked time.Time, took time.Duration) {
	const warn, fail = 2 * time.Second, time.Minute
	offset := theirs.Sub(asked.Add(took / 2)).Round(time.Millisecond)
	switch distance := offset.Abs(); {
	case distance > fail+took:
		c.say(Fail, "clock", "the clock of %s differs from ours by %v: run NTP on both", backend, offset)
	case distance > warn+took:
		c.say(Warn, "clock", "the clock of %s differs from ours by %v: run NTP on both", backend, offset)
	default:
		c.say(OK, "clock", "the clock of %s agrees with ours", backend)
	}
}

// lock finds out whether a running server uses the directory.
func (c *checkup) lock() {
	locked, err := backends.Locked(c.Backends.DataDir)
	if err != nil {
		c.say(Fail, "data directory", "%v: run this command as the user of the server", err)
		return
	}
	c.locked = locked
}
