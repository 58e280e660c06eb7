package queuetest

import (
	"strings"
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

// Harness makes queues for the suite. Only Open is required. Run reports each other
// field that is left out, by name, with the rules that are not tested then.
type Harness struct {
	// Open returns an empty queue that shares nothing with others. It cleans up
	// with t.Cleanup; every Consume has returned by then.
	Open func(t *testing.T, s Settings) queue.Queue
	// Reopen returns a queue with the jobs of q, as another process would see it
	// after the process of q was killed. The jobs that q was running must be
	// delivered again within Timeout. Results of q's handlers change nothing
	// any more; its Consume may continue for a while.
	Reopen func(t *testing.T, q queue.Queue, s Settings) queue.Queue
	// PowerCut opens an empty queue, and returns a function that simulates a loss
	// of power: it returns a queue with what had been synced to the disk, and
	// nothing else.
	PowerCut func(t *testing.T, s Settings) (q queue.Queue, cut func() queue.Queue)
	// OpenPair returns two queues on the same jobs, as two processes have them.
	OpenPair func(t *testing.T, s Settings) (a, b queue.Queue)
	// OpenOther returns a queue of another name on the backend of q.
	OpenOther func(t *testing.T, q queue.Queue, s Settings) queue.Queue
	// Cut makes the backend of q unavailable, also to connections that are open.
	// The function that it returns makes it available again.
	Cut func(t *testing.T, q queue.Queue) (restore func())
	// Shift adds d to all times that q has stored. More than 0 is as if the
	// clock of the backend had been set back; less than 0 as if time had
	// passed.
	Shift func(t *testing.T, q queue.Queue, d time.Duration)
	// Lease is the time after which the jobs of a lost process run again while
	// other processes continue. Set it if there is one.
	Lease time.Duration
	// DoneWindow means that Open uses Settings.DoneWindow.
	DoneWindow bool
	// Timeout is how long a check waits for an expected event before it fails;
	// 0 means 30 s.
	Timeout time.Duration
}

// fields are the names of the optional fields.
var fields = []string{"Reopen", "PowerCut", "OpenPair", "OpenOther", "Cut", "Shift", "Lease", "DoneWindow"}

// has reports whether a field is set, by name; "" is always.
func (h Harness) has(field string) bool {
	return map[string]bool{
		"": true, "Reopen": h.Reopen != nil, "PowerCut": h.PowerCut != nil, "OpenPair": h.OpenPair != nil, "OpenOther": h.OpenOther != nil,
		"Cut": h.Cut != nil, "Shift": h.Shift != nil, "Lease": h.Lease > 0, "DoneWindow": h.DoneWindow,
	}[field]
}

// Run checks every rule, each on new queues of the harness.
func Run(t *testing.T, h Harness) {
	for _, c := range checks() {
		if h.has(c.field) {
			t.Run(c.name, func(t *testing.T) { c.run(newEnv(t, t, h)) })
		}
	}
	for _, field := range fields {
		if !h.has(field) {
			t.Run("not tested without "+field, func(t *testing.T) {
				t.Skip("the harness has no " + field + "; not tested: " + strings.Join(needing(field), "; "))
			})
		}
	}
}

// check is one rule. Field is the field of the harness that it needs.
type check struct {
	name  string
	run   func(e *env)
	field string
}

// needing returns the names of the rules that need a field.
func needing(field string) (names []string) {
	for _, c := range checks() {
		if c.field == field {
			names = append(names, c.name)
		}
	}
	return names
}

func checks() []check {
	var all []check
	for _, some := range [][]check{
		enqueueChecks(), orderChecks(), metadataChecks(), onceChecks(), attemptChecks(), deadChecks(), retryChecks(),
		drainChecks(), consumeChecks(), statsChecks(), contextChecks(), crashChecks(), pairChecks(), clockChecks(), outageChecks(),
	} {
		all = append(all, some...)
	}
	return all
}
