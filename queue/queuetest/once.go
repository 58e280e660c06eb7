package queuetest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

const onceRule = "the same kind and id is added once while the queue has it"

func onceChecks() []check {
	return []check{
		{name: "a waiting job is not added again", run: onceWaiting},
		{name: "a running job is not added again", run: onceRunning},
		{name: "a job between attempts is not added again", run: onceBetween},
		{name: "a dead job is not added again", run: onceDead},
		{name: "a completed job is not added again within the done window", run: onceDone},
		{name: "a hundred concurrent enqueues of one job make one run", run: onceConcurrent},
		{name: "kind and id together make a job", run: kindAndID},
		{
			name: "a completed job is added again after the done window", run: afterWindow,
			field: "DoneWindow",
		},
	}
}

var theJob = queue.Job{Kind: "test", ID: "1"}

// ranOnly waits until the queue is idle and fails unless the job was delivered n
// times.
func (e *env) ranOnly(q queue.Queue, log *deliveries, n int) {
	e.Helper()
	e.waitIdle(q)
	if got := len(log.list()); got != n {
		e.Errorf("the job was delivered %d times, want %d; %s", got, n, onceRule)
	}
}

func onceWaiting(e *env) {
	q := e.open(Settings{})
	e.enqueue(q, theJob)
	e.enqueue(q, theJob)
	e.enqueue(q, queue.Job{Kind: theJob.Kind, ID: theJob.ID, RunAt: time.Now().Add(time.Hour)})
	if s := e.stats(q); s.Waiting != 1 || s.Delayed != 0 {
		e.Errorf("Stats is %+v, want 1 waiting job; %s, and it stays as it is", s, onceRule)
	}
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.ranOnly(q, &log, 1)
}

func onceRunning(e *env) {
	q := e.open(Settings{})
	var log deliveries
	started := make(chan struct{}, 10)
	gate, open := newGate()
	defer open()
	e.consume(q, log.wrap(func(ctx context.Context, _ queue.Job) error {
		started <- struct{}{}
		return block(ctx, gate)
	}))
	e.enqueue(q, theJob)
	await(e, started, "the job to start")
	e.enqueue(q, theJob)
	if s := e.stats(q); s.Waiting+s.Delayed != 0 || s.Running != 1 {
		e.Errorf("Stats is %+v, want 1 running job and none waiting; %s", s, onceRule)
	}
	open()
	e.ranOnly(q, &log, 1)
}

func onceBetween(e *env) {
	// Each wait is twice as long as the one before, so that a busy machine that
	// misses one sees the next.
	q := e.open(Settings{Retry: queue.Retry{MaxAttempts: 7, Base: 300 * time.Millisecond, Jitter: -1}})
	var log deliveries
	var again atomic.Bool // the job was enqueued again
	e.consume(q, log.wrap(func(context.Context, queue.Job) error {
		if !again.Load() {
			return errJob
		}
		return nil
	}))
	e.enqueue(q, theJob)
	e.eventually("a job between attempts is counted as delayed", func() bool { return e.stats(q).Delayed == 1 })
	e.enqueue(q, theJob)
	again.Store(true)
	e.waitIdle(q)
	list := log.list()
	if n := len(list); n < 2 || list[n-1].err != nil {
		e.Errorf("the job was delivered %d times and has not succeeded; it has attempts left", n)
	}
	for i, d := range list {
		if d.Attempt != i+1 || d.err == nil && i+1 < len(list) {
			e.Errorf("delivery %d of %d is attempt %d, want %d, and only the last to succeed; %s", i+1, len(list), d.Attempt, i+1, onceRule)
		}
	}
}

func onceDead(e *env) {
	q := e.open(Settings{})
	e.kill(q, theJob)
	e.enqueue(q, theJob)
	if s := e.stats(q); s.Dead != 1 || s.Waiting+s.Delayed != 0 {
		e.Errorf("Stats is %+v, want 1 dead job and none waiting; %s", s, onceRule)
	}
}

func onceDone(e *env) {
	q := e.open(Settings{})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.enqueue(q, theJob)
	e.eventually("the job has run", func() bool { return len(log.list()) == 1 })
	e.waitIdle(q)
	e.enqueue(q, theJob)
	e.ranOnly(q, &log, 1)
}

func onceConcurrent(e *env) {
	q := e.open(Settings{})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := q.Enqueue(e.Context(), theJob); err != nil {
				e.Errorf("one of 100 concurrent Enqueues: %v", err)
			}
		})
	}
	all.Wait()
	e.eventually("the job has run", func() bool { return len(log.list()) > 0 })
	e.ranOnly(q, &log, 1)
}

func kindAndID(e *env) {
	q := e.open(Settings{})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.enqueue(q, queue.Job{Kind: "aa", ID: "1"}, queue.Job{Kind: "aa", ID: "2"}, queue.Job{Kind: "bb", ID: "1"})
	e.eventually("three jobs that differ in kind or id have run", func() bool { return len(log.byKey()) == 3 })
	e.waitIdle(q)
}

func afterWindow(e *env) {
	q := e.open(Settings{DoneWindow: 200 * time.Millisecond})
	var log deliveries
	// The first run is longer than the window, which begins at its end.
	var once sync.Once
	e.consume(q, log.wrap(func(context.Context, queue.Job) error {
		once.Do(func() { <-time.After(300 * time.Millisecond) })
		return nil
	}))
	e.enqueue(q, theJob)
	e.eventually("a job that was completed runs again when it is enqueued after the done window", func() bool {
		e.enqueue(q, theJob)
		return len(log.list()) > 1
	})
	e.waitIdle(q)
	runs := log.list()
	if gap := runs[1].start.Sub(runs[0].end); gap < 200*time.Millisecond-slack {
		e.Errorf("the job ran again after %v; %s, and it has a completed one for the done window, 200 ms", gap, onceRule)
	}
}
