// Package ratelimittest is the conformance suite for implementations of
// [ratelimit.Limiter]. An implementation runs it from a test of its own:
//
//	func TestConformance(t *testing.T) {
//		ratelimittest.Run(t, ratelimittest.Harness{
//			Open: func(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter {
//				return mylimiter.New(limit, window)
//			},
//		})
//	}
//
// The failure of a check explains the rule. No check depends on the speed of the
// machine, except that counting must not take more than an hour.
package ratelimittest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// Harness describes an implementation to the suite.
type Harness struct {
	// Open returns a Limiter that has not counted any request yet, of any key.
	// With a shared server, each Limiter needs a namespace of its own. Open
	// cleans up with t.Cleanup. Required.
	Open func(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter

	// OpenPair returns two Limiters that share their counters, as those of two
	// processes do. If it is nil, the check is skipped.
	OpenPair func(t testing.TB, limit int64, window time.Duration) (a, b ratelimit.Limiter)

	// Window is the length of the windows for whose end checks wait; default
	// 1 s. It should be much longer than Precision.
	Window time.Duration

	// Precision is the unit of ResetAfter; default 1 ms.
	Precision time.Duration

	// Bubble runs each check in a testing/synctest bubble, in which waiting
	// takes no time. It works for limiters without network and files only.
	Bubble bool
}

// Run runs every check as a subtest of t.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h = h.withDefaults()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if c.pair && h.OpenPair == nil {
				t.Skip("the harness has no OpenPair")
			}
			h.run(t, c, func(err error) {
				if err != nil {
					t.Error(err)
				}
			})
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
	name string
	run  func(*env) error
	pair bool
}

var checks = []check{
	{name: "a window allows exactly its limit", run: admitsTheLimit},
	{name: "a window allows exactly its limit to concurrent requests", run: admitsTheLimitConcurrently},
	{name: "two limiters on shared counters allow exactly the limit", run: countsTogether, pair: true},
	{name: "keys are counted independently", run: countsKeysApart},
	{name: "unusual keys are keys like others", run: takesOddKeys},
	{name: "remaining counts down to 0 and stays there", run: countsDown},
	{name: "limit and window are reported", run: reportsItsRate},
	{name: "reset is above 0 and within the window", run: reportsItsReset},
	{name: "a new window allows the whole limit again", run: beginsNextWindow},
	{name: "a client that waits for ResetAfter is allowed", run: admitsWhoWaits},
	{name: "denied requests do not make the window longer", run: endsInSpiteOfDenials},
	{name: "an ended context does not block", run: honoursItsContext},
}

// env is the environment of a check.
type env struct {
	testing.TB
	ctx context.Context //nolint:containedctx // lives as long as one check
	h   Harness
}

// long is a window that does not end during a check.
const long = time.Hour
