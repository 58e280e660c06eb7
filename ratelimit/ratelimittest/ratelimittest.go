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
// Each check tells the rule that it found broken. No check depends on the speed
// of the machine, except that counting must be done within an hour.
package ratelimittest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// Harness is what the suite needs to know about an implementation.
type Harness struct {
	// Open returns a Limiter that has not counted anything yet for any key,
	// not even for the empty one: with a shared server, give each its own
	// namespace. What it needs is closed with t.Cleanup. Required.
	Open func(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter

	// OpenPair returns two Limiters that count together, like those of two
	// processes. Nil skips the check.
	OpenPair func(t testing.TB, limit int64, window time.Duration) (a, b ratelimit.Limiter)

	// Window is the length of the windows whose end is waited for; default
	// 1 s. Make it long against Precision.
	Window time.Duration

	// Precision is the unit in which ResetAfter is counted; default 1 ms.
	Precision time.Duration

	// Bubble runs every check in a testing/synctest bubble, where time passes
	// at once. It is only for limiters without network and files.
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

// run gives the result of c to report, in a bubble if asked for.
func (h Harness) run(t *testing.T, c check, report func(error)) {
	if !h.Bubble {
		report(c.run(&env{t, t.Context(), h}))
		return
	}
	synctest.Test(t, func(t *testing.T) {
		report(c.run(&env{t, t.Context(), h}))
	})
}

// check is one rule of the contract. Checks return what they find, so that the
// suite can be tested with limiters that break a rule.
type check struct {
	name string
	run  func(*env) error
	pair bool
}

var checks = []check{
	{name: "a window admits exactly its limit", run: admitsTheLimit},
	{name: "a window admits exactly its limit to many at once", run: admitsTheLimitConcurrently},
	{name: "two limiters on one count admit exactly the limit", run: countsTogether, pair: true},
	{name: "keys are counted apart", run: countsKeysApart},
	{name: "odd keys are keys like others", run: takesOddKeys},
	{name: "remaining counts down to 0 and stays there", run: countsDown},
	{name: "limit and window are reported", run: reportsItsRate},
	{name: "reset is above 0 and within the window", run: reportsItsReset},
	{name: "a window that ended has all its room again", run: opensANewWindow},
	{name: "a client that waits as told is allowed", run: admitsWhoWaits},
	{name: "denied requests do not make the window longer", run: endsInSpiteOfDenials},
	{name: "an ended context does not block", run: honoursItsContext},
}

// env is what a check works with.
type env struct {
	testing.TB
	ctx context.Context //nolint:containedctx // lives as long as one check
	h   Harness
}

// long is a window that does not end during a check.
const long = time.Hour
