// Package doctor looks at what a server stands on, without changing data, and
// says what is wrong and what to do. A server may be running meanwhile.
package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
)

// Level says how bad a finding is.
type Level string

// The levels. Only Fail keeps a server from its work.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

// Finding is what one check found.
type Finding struct {
	Level Level
	// Check is what was looked at.
	Check string
	// Text says what was found and, unless all is well, what to do.
	Text string
}

// Options are the settings of the server.
type Options struct {
	MongoURI, RedisURL, DataDir string
	// Address and OpsAddress are host:port of the server's listeners;
	// OpsAddress may be empty.
	Address, OpsAddress string
	// Token is the bearer token, if there is one.
	Token string
	// MaxUploadBytes is the size of the greatest file.
	MaxUploadBytes int64
}

// embedded reports whether there is anything in DataDir.
func (o *Options) embedded() bool { return o.MongoURI == "" || o.RedisURL == "" }

// patience bounds one check.
const patience = 15 * time.Second

// checkup is one run of all checks.
type checkup struct {
	Options
	report func(Finding)
	locked bool // a server has DataDir
}

// Run calls report with each finding as it is made.
func Run(ctx context.Context, o *Options, report func(Finding)) {
	c := &checkup{Options: *o, report: report}
	for _, check := range []func(context.Context){
		c.directory, c.store, c.queue, c.server, c.operators, zones(report),
	} {
		bounded, cancel := context.WithTimeout(ctx, patience)
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

// zones checks that calendars can be had.
func zones(report func(Finding)) func(context.Context) {
	return func(context.Context) {
		for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Kathmandu"} {
			if _, err := time.LoadLocation(name); err != nil {
				report(Finding{Fail, "time zones", fmt.Sprintf("%v: unset ZONEINFO or let it name a whole database", err)})
				return
			}
		}
		report(Finding{OK, "time zones", "data of zones can be read"})
	}
}

// clock compares the clock of a server with ours. Half of the time that the
// question took was gone when it was answered.
func (c *checkup) clock(of string, theirs, asked time.Time, took time.Duration) {
	const worth, bad = 2 * time.Second, time.Minute
	offset := theirs.Sub(asked.Add(took / 2)).Round(time.Millisecond)
	switch far := offset.Abs(); {
	case far > bad+took:
		c.say(Fail, "clock", "that of %s differs from ours by %v: run NTP on both", of, offset)
	case far > worth+took:
		c.say(Warn, "clock", "that of %s differs from ours by %v: run NTP on both", of, offset)
	default:
		c.say(OK, "clock", "that of %s agrees with ours", of)
	}
}

// locks finds out whether a server has the directory.
func (c *checkup) locks() {
	locked, err := backends.Locked(c.DataDir)
	if err != nil {
		c.say(Fail, "data directory", "%v: run this as the user of the server", err)
		return
	}
	c.locked = locked
}
