package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// slack is how early a job may appear to run, since the clock of a backend may
// count in milliseconds.
const slack = time.Millisecond

// errJob is the error of a job that fails.
var errJob = errors.New("the job failed")

// tester is the part of *testing.T that the checks use. Tests of the suite
// replace it to see a check fail.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
	Context() context.Context
}

// env is the environment of a check.
type env struct {
	tester
	open    func(s Settings) queue.Queue
	reopen  func(q queue.Queue, s Settings) queue.Queue
	power   func(s Settings) (q queue.Queue, cut func() queue.Queue)
	pair    func(s Settings) (a, b queue.Queue)
	other   func(q queue.Queue, s Settings) queue.Queue
	cut     func(q queue.Queue) (restore func())
	shift   func(q queue.Queue, d time.Duration)
	lease   time.Duration
	timeout time.Duration
}

func newEnv(t *testing.T, r tester, h Harness) *env {
	e := &env{tester: r, timeout: h.Timeout, lease: h.Lease}
	if e.timeout <= 0 {
		e.timeout = 30 * time.Second
	}
	e.open = func(s Settings) queue.Queue { return h.Open(t, s.filled()) }
	e.reopen = func(q queue.Queue, s Settings) queue.Queue { return h.Reopen(t, q, s.filled()) }
	e.power = func(s Settings) (queue.Queue, func() queue.Queue) { return h.PowerCut(t, s.filled()) }
	e.pair = func(s Settings) (a, b queue.Queue) { return h.OpenPair(t, s.filled()) }
	e.other = func(q queue.Queue, s Settings) queue.Queue { return h.OpenOther(t, q, s.filled()) }
	e.cut = func(q queue.Queue) func() { return h.Cut(t, q) }
	e.shift = func(q queue.Queue, d time.Duration) { h.Shift(t, q, d) }
	return e
}

// filled sets the fields that a check leaves zero to short waits.
func (s Settings) filled() Settings {
	if s.Workers == 0 {
		s.Workers = 4
	}
	if s.Retry == (queue.Retry{}) {
		s.Retry = attempts(3)
	}
	if s.DrainTimeout == 0 {
		s.DrainTimeout = 5 * time.Second
	}
	return s
}

func attempts(n int) queue.Retry {
	return queue.Retry{MaxAttempts: n, Base: 10 * time.Millisecond, Jitter: -1}
}

func (e *env) enqueue(q queue.Queue, jobs ...queue.Job) {
	e.Helper()
	if err := q.Enqueue(e.Context(), jobs...); err != nil {
		e.Fatalf("Enqueue of %d valid jobs: %v", len(jobs), err)
	}
}

func (e *env) stats(q queue.Queue) queue.Stats {
	e.Helper()
	s, err := q.Stats(e.Context())
	if err != nil {
		e.Fatalf("Stats: %v", err)
	}
	return s
}

func (e *env) dead(q queue.Queue, query queue.DeadQuery) []queue.DeadJob {
	e.Helper()
	list, err := q.Dead(e.Context(), query)
	if err != nil {
		e.Fatalf("Dead(%+v): %v", query, err)
	}
	return list
}

// consume starts a Consume. The function that it returns ends it, waits until
// it has returned, and checks that it returned nil; it is safe to repeat.
func (e *env) consume(q queue.Queue, h queue.Handler) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(e.Context()))
	ended := make(chan error, 1)
	go func() { ended <- q.Consume(ctx, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				e.Errorf("Consume returned %v; when its context ends it returns nil", err)
			}
		case <-time.After(e.timeout):
			e.Errorf("Consume has not returned %v after its context ended", e.timeout)
		}
	})
	e.Cleanup(stop)
	return stop
}

// await waits for a value, or until the channel is closed.
func await[V any](e *env, c <-chan V, what string) V {
	e.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(e.timeout):
		e.Fatalf("after %v still waiting for %s", e.timeout, what)
		panic("not reached")
	}
}

// eventually polls until ok returns true.
func (e *env) eventually(what string, ok func() bool) {
	e.Helper()
	limit := time.After(e.timeout)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit:
			e.Fatalf("after %v still waiting until %s", e.timeout, what)
		case <-tick.C:
		}
	}
}

// waitIdle waits until no job is waiting, delayed or running. Its timeout starts
// again when the numbers change, since a slow backend is not a wrong one.
func (e *env) waitIdle(q queue.Queue) {
	e.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var last queue.Stats
	for changed := time.Now(); ; <-tick.C {
		s := e.stats(q)
		if s.Waiting+s.Delayed+s.Running == 0 {
			return
		}
		s.OldestWaiting = 0
		if s != last {
			last, changed = s, time.Now()
		}
		if time.Since(changed) > e.timeout {
			e.Fatalf("the queue has jobs and ran none for %v: %+v; every job ends completed or dead, and Stats no longer counts it as waiting, delayed or running", e.timeout, s)
		}
	}
}

// kill enqueues jobs and waits until they are dead.
func (e *env) kill(q queue.Queue, jobs ...queue.Job) {
	e.Helper()
	before := e.stats(q).Dead
	stop := e.consume(q, func(context.Context, queue.Job) error { return queue.Permanent(errJob) })
	e.enqueue(q, jobs...)
	e.eventually(fmt.Sprintf("%d jobs with permanent errors are counted as dead", len(jobs)), func() bool {
		return e.stats(q).Dead == before+int64(len(jobs))
	})
	stop()
}

// block waits in a handler until the gate opens or the context ends.
func block(ctx context.Context, gate <-chan struct{}) error {
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newGate returns a channel and a function that closes it. The function is safe to
// repeat.
func newGate() (gate <-chan struct{}, open func()) {
	c := make(chan struct{})
	return c, sync.OnceFunc(func() { close(c) })
}
