package ratelimittest

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// Harness describes an implementation to the suite. Only Open is required. Run
// reports OpenPair and OpenCut by name if they are left out.
type Harness struct {
	// Open returns a Limiter that has not counted any request yet, of any key.
	// With a shared server, each Limiter needs a namespace of its own. Open
	// cleans up with t.Cleanup.
	Open func(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter

	// OpenPair returns two Limiters that share their counters, as those of two
	// processes do.
	OpenPair func(t testing.TB, limit int64, window time.Duration) (a, b ratelimit.Limiter)

	// OpenCut returns a Limiter, and a function that makes its counters
	// unavailable, also to connections that are open.
	OpenCut func(t testing.TB, limit int64, window time.Duration) (l ratelimit.Limiter, cut func())

	// Window is the length of the windows for whose end checks wait; default
	// 1 s. It should be much longer than Precision.
	Window time.Duration

	// Precision is the unit of ResetAfter; default 1 ms.
	Precision time.Duration

	// Bubble runs each check in a testing/synctest bubble, in which waiting
	// takes no time. It works for limiters without network and files only.
	Bubble bool
}

// fields are the names of the optional functions.
var fields = []string{"OpenPair", "OpenCut"}

// has reports whether a function is set, by name; "" is always.
func (h Harness) has(field string) bool {
	return map[string]bool{"": true, "OpenPair": h.OpenPair != nil, "OpenCut": h.OpenCut != nil}[field]
}

// Run runs every check as a subtest of t.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h = h.withDefaults()
	missed := map[string][]string{}
	for _, c := range checks {
		if !h.has(c.field) {
			missed[c.field] = append(missed[c.field], c.name)
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			h.run(t, c, func(err error) {
				if err != nil {
					t.Error(err)
				}
			})
		})
	}
	for field, names := range missed {
		t.Run("not tested without "+field, func(t *testing.T) {
			t.Skip("the harness has no " + field + "; not tested: " + strings.Join(names, "; "))
		})
	}
}

func (h Harness) withDefaults() Harness {
	if h.Window == 0 {
		h.Window = time.Second
	}
	if h.Precision == 0 {
		h.Precision = time.Millisecond
	}
	return h
}

// run runs c, in a bubble if h says so, and calls report with its result.
func (h Harness) run(t *testing.T, c check, report func(error)) {
	if !h.Bubble {
		report(c.run(&env{t, t.Context(), h}))
		return
	}
	synctest.Test(t, func(t *testing.T) {
		report(c.run(&env{t, t.Context(), h}))
	})
}

// check is one rule of the contract. A check returns the failure, so that tests of
// the suite can run it with limiters that break a rule.
type check struct {
	name  string
	run   func(*env) error
	field string // of the harness, that it needs
}

var checks = []check{
	{name: "a window allows exactly its limit", run: admitsTheLimit},
	{name: "a window allows exactly its limit to concurrent requests", run: admitsTheLimitConcurrently},
	{name: "two limiters on shared counters allow exactly the limit", run: countsTogether, field: "OpenPair"},
	{name: "concurrent requests that begin a window are all counted", run: countsNewKeys},
	{name: "keys are counted independently", run: countsKeysApart},
	{name: "unusual keys are keys like others", run: takesOddKeys},
	{name: "remaining counts down to 0 and stays there", run: countsDown},
	{name: "limit and window are reported", run: reportsItsRate},
	{name: "reset is above 0 and within the window", run: reportsItsReset},
	{name: "all requests of a window report the same end", run: reportsOneEnd},
	{name: "a window begins with its first request and lasts as long as it says", run: lastsItsWindow},
	{name: "a new window allows the whole limit again", run: beginsNextWindow},
	{name: "a client that waits for ResetAfter is allowed", run: admitsWhoWaits},
	{name: "denied requests do not make the window longer", run: endsInSpiteOfDenials},
	{name: "an ended context is returned as an error and counts nothing", run: honoursItsContext},
	{name: "each request that is given back makes room for one", run: givesBack},
	{name: "a request that is given back after its window changes nothing", run: givesBackLate},
	{name: "requests that are given back concurrently are all given back", run: givesBackTogether},
	{name: "an ended context gives nothing back", run: givesNothingBackWithoutAContext},
	{name: "counters that are gone are ErrUnavailable", run: reportsOutage, field: "OpenCut"},
}

// env is the environment of a check.
type env struct {
	testing.TB
	ctx context.Context //nolint:containedctx // lives as long as one check
	h   Harness
}

// long is a window that does not end during a check.
const long = time.Hour
