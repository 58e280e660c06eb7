package queuetest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func clockChecks() []check {
	return []check{
		{name: "no job that may run waits for a clock that was set back", run: setBackWaiting, field: "Shift"},
		{name: "no failed job waits for a clock that was set back", run: setBackFailed, field: "Shift"},
		{name: "a delayed job waits for its time, by the clock", run: setBackDelayed, field: "Shift"},
	}
}

func setBackWaiting(e *env) {
	q := e.open(Settings{})
	e.enqueue(q, theJob)
	e.shift(q, time.Hour)
	if s := e.stats(q); s.Waiting != 1 || s.OldestWaiting < 0 {
		e.Errorf("Stats is %+v after the clock was set back, want 1 waiting job: its RunAt is zero", s)
	}
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.ranOnly(q, &log, 1)
}

func setBackFailed(e *env) {
	// Each wait is twice as long as the one before, so that a busy machine that
	// misses one sees the next.
	q := e.open(Settings{Retry: queue.Retry{MaxAttempts: 7, Base: 300 * time.Millisecond, Jitter: -1}})
	var setBack atomic.Bool
	e.consume(q, func(context.Context, queue.Job) error {
		if setBack.Load() {
			return nil
		}
		return errJob
	})
	e.enqueue(q, theJob)
	e.eventually("a failed job is counted as delayed", func() bool { return e.stats(q).Delayed == 1 })
	e.shift(q, 24*time.Hour)
	setBack.Store(true)
	e.eventually("a failed job runs again although the clock was set back: its wait is a time span", func() bool {
		return e.stats(q) == queue.Stats{}
	})
}

func setBackDelayed(e *env) {
	q := e.open(Settings{})
	e.enqueue(q, queue.Job{Kind: "test", ID: "1", RunAt: time.Now().Add(2 * time.Hour)})
	e.shift(q, -time.Hour)
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	<-time.After(quiet)
	if n := len(log.list()); n != 0 {
		e.Errorf("a job ran an hour before its RunAt")
	}
	e.shift(q, -2*time.Hour)
	e.eventually("a job runs whose RunAt is an hour ago", func() bool { return len(log.list()) == 1 })
	e.waitIdle(q)
}
