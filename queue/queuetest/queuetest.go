// Package queuetest is the conformance suite for authors of a queue.
//
// A test of a backend calls [Run] with a [Harness]. Each subtest is one rule
// of package queue, named as a sentence, and a failure says what the rule is.
// The suite needs real time, but little of it: it waits on channels and polls,
// and asks for waits of milliseconds.
package queuetest

import (
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// Settings are what a check needs of a queue. A zero field leaves the matter
// to the backend.
type Settings struct {
	// Workers is the number of jobs that one Consume runs at once.
	Workers int
	// Retry says how often and when a failed job is tried again.
	Retry queue.Retry
	// DrainTimeout is how long running jobs go on when Consume is to end.
	DrainTimeout time.Duration
	// DoneWindow is how long a completed job is remembered. It is zero, for a
	// window of a minute or more, unless Harness.DoneWindow is true.
	DoneWindow time.Duration
}

// Harness makes queues for the suite.
type Harness struct {
	// Open returns a queue that is empty and shares nothing with another. It
	// leaves the clean-up to t.Cleanup; by then every Consume has returned.
	Open func(t *testing.T, s Settings) queue.Queue
	// Reopen returns a queue with what q holds, as another process would see
	// it after the one with q was lost without a chance to clean up. Jobs that
	// q was running are handed out again within RetryFor. What handlers of q
	// answer later changes nothing; its Consume may go on for a while. It is
	// optional: if nil, the checks that need it are skipped.
	Reopen func(t *testing.T, q queue.Queue, s Settings) queue.Queue
	// DoneWindow says that Settings.DoneWindow is followed.
	DoneWindow bool
	// RetryFor is how long a check waits for what is to happen before it
	// fails; 0 means 30 s.
	Patience time.Duration
}

// Run checks every rule on queues of the harness.
func Run(t *testing.T, h Harness) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if c.needs != nil && !c.needs(h) {
				t.Skip("the harness does not offer what this check needs")
			}
			c.run(newEnv(t, t, h))
		})
	}
}

// check is one rule.
type check struct {
	name  string
	run   func(e *env)
	needs func(h Harness) bool
}

func checks() []check {
	var all []check
	for _, some := range [][]check{
		enqueueChecks(), originChecks(), onceChecks(), attemptChecks(), deadChecks(), retryChecks(),
		drainChecks(), consumeChecks(), statsChecks(), contextChecks(), crashChecks(),
	} {
		all = append(all, some...)
	}
	return all
}
