// Package queuetest is the conformance suite for authors of queues.
//
// The test of a backend calls [Run] with a [Harness]. Each subtest checks one
// rule of package queue. Its name is the rule, and its failure explains it. The
// suite waits on channels and polls, with settings of milliseconds, so that it
// takes little real time.
package queuetest

import (
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// Settings are the settings that a check needs. A zero field means the default of
// the backend.
type Settings struct {
	// Workers is the number of jobs that one Consume runs concurrently.
	Workers int
	// Retry is how often a failed job is tried, and when.
	Retry queue.Retry
	// DrainTimeout is how long running jobs may continue after the context of
	// Consume has ended.
	DrainTimeout time.Duration
	// DoneWindow is how long a completed job is remembered. It is zero, which
	// must mean a minute or more, unless Harness.DoneWindow is true.
	DoneWindow time.Duration
}

// Harness makes queues for the suite.
type Harness struct {
	// Open returns an empty queue that shares nothing with others. It cleans up
	// with t.Cleanup; every Consume has returned by then.
	Open func(t *testing.T, s Settings) queue.Queue
	// Reopen returns a queue with the jobs of q, as another process would see it
	// after the process of q was killed. The jobs that q was running must be
	// delivered again within Timeout. Results of q's handlers change nothing
	// any more; its Consume may continue for a while. Reopen is optional: if it
	// is nil, the checks that need it are skipped.
	Reopen func(t *testing.T, q queue.Queue, s Settings) queue.Queue
	// DoneWindow means that Open uses Settings.DoneWindow.
	DoneWindow bool
	// Timeout is how long a check waits for an expected event before it fails;
	// 0 means 30 s.
	Timeout time.Duration
}

// Run checks every rule, each on new queues of the harness.
func Run(t *testing.T, h Harness) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if c.needs != nil && !c.needs(h) {
				t.Skip("the harness lacks an optional field that this check needs")
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
		enqueueChecks(), metadataChecks(), onceChecks(), attemptChecks(), deadChecks(), retryChecks(),
		drainChecks(), consumeChecks(), statsChecks(), contextChecks(), crashChecks(),
	} {
		all = append(all, some...)
	}
	return all
}
