package queuetest

import (
	"context"
	"errors"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func statsChecks() []check {
	return []check{
		{name: "Stats counts the jobs in each state", run: statsCount},
		{name: "Stats has the age of the job that has waited longest", run: statsOldest},
		{name: "a delayed job has waited since its time", run: statsDue},
	}
}

func statsCount(e *env) {
	q := e.open(Settings{Workers: 2})
	if s := e.stats(q); s != (queue.Stats{}) {
		e.Errorf("Stats of an empty queue is %+v, want zeros", s)
	}
	e.kill(q, queue.Job{Kind: "test", ID: "dead"})
	started := make(chan struct{}, 5)
	gate, open := newGate()
	defer open()
	e.consume(q, func(ctx context.Context, _ queue.Job) error {
		started <- struct{}{}
		return block(ctx, gate)
	})
	e.enqueue(q, queue.Job{Kind: "test", ID: "running1"}, queue.Job{Kind: "test", ID: "running2"})
	await(e, started, "a job to start")
	await(e, started, "a second job to start")
	later := time.Now().Add(time.Hour)
	e.enqueue(q,
		queue.Job{Kind: "test", ID: "waiting1"}, queue.Job{Kind: "test", ID: "waiting2"}, queue.Job{Kind: "test", ID: "waiting3"},
		queue.Job{Kind: "test", ID: "delayed", RunAt: later})
	s := e.stats(q)
	s.OldestWaiting = 0
	if want := (queue.Stats{Waiting: 3, Delayed: 1, Running: 2, Dead: 1}); s != want {
		e.Errorf("Stats is %+v, want %+v", s, want)
	}
	open()
	e.eventually("all but the delayed and the dead job are done", func() bool {
		return e.stats(q) == queue.Stats{Delayed: 1, Dead: 1}
	})
}

func statsOldest(e *env) {
	q := e.open(Settings{})
	before := time.Now()
	e.enqueue(q, queue.Job{Kind: "test", ID: "delayed", RunAt: time.Now().Add(time.Hour)})
	if s := e.stats(q); s.OldestWaiting != 0 {
		e.Errorf("OldestWaiting is %v, want 0: the only job waits for its time", s.OldestWaiting)
	}
	e.enqueue(q, queue.Job{Kind: "test", ID: "1"})
	after := time.Now()
	e.eventually("OldestWaiting grows to the age of the waiting job", func() bool {
		least := time.Since(after)
		s := e.stats(q)
		if most := time.Since(before) + time.Second; s.OldestWaiting > most {
			e.Fatalf("OldestWaiting is %v, want at most the age of the only waiting job, %v", s.OldestWaiting, most)
		}
		return least > 50*time.Millisecond && s.OldestWaiting >= least-10*time.Millisecond
	})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.eventually("no job waits", func() bool { return e.stats(q).Waiting == 0 })
	if s := e.stats(q); s.OldestWaiting != 0 {
		e.Errorf("OldestWaiting is %v, want 0: no job waits", s.OldestWaiting)
	}
}

func statsDue(e *env) {
	q := e.open(Settings{})
	runAt := time.Now().Add(500 * time.Millisecond)
	e.enqueue(q, queue.Job{Kind: "test", ID: "1", RunAt: runAt})
	e.eventually("a delayed job whose time has come is counted as waiting", func() bool {
		s := e.stats(q)
		if most := max(time.Since(runAt), 0) + slack; s.OldestWaiting > most {
			e.Fatalf("OldestWaiting is %v, want at most %v: a delayed job has waited since its RunAt", s.OldestWaiting, most)
		}
		return s.Waiting == 1 && s.Delayed == 0 && s.OldestWaiting > 0
	})
}

func contextChecks() []check {
	return []check{
		{name: "a method whose context has ended returns an error and changes nothing", run: contextEnded},
		{name: "Consume with a context that has ended returns nil and takes no job", run: consumeEnded},
	}
}

func contextEnded(e *env) {
	q := e.open(Settings{})
	e.kill(q, theJob)
	cancelled, cancel := context.WithCancel(e.Context())
	cancel()
	e.refusesContext(cancelled, q)
	late, cancel := context.WithDeadline(e.Context(), time.Now().Add(-time.Second))
	defer cancel()
	e.refusesContext(late, q)
	if s := e.stats(q); s != (queue.Stats{Dead: 1}) {
		e.Errorf("Stats is %+v, want the dead job as it was and no other", s)
	}
}

func (e *env) refusesContext(ctx context.Context, q queue.Queue) {
	e.Helper()
	_, deadErr := q.Dead(ctx, queue.DeadQuery{})
	_, statsErr := q.Stats(ctx)
	for method, err := range map[string]error{
		"Enqueue": q.Enqueue(ctx, queue.Job{Kind: "test", ID: "new"}),
		"Dead":    deadErr,
		"Retry":   q.Retry(ctx, theJob.Key()),
		"Discard": q.Discard(ctx, theJob.Key(), "test"),
		"Stats":   statsErr,
	} {
		if !errors.Is(err, ctx.Err()) || errors.Is(err, queue.ErrUnavailable) {
			e.Errorf("%s with a context that has ended: %v; want the error of the context, %v, which says nothing about the backend", method, err, ctx.Err())
		}
	}
}

func consumeEnded(e *env) {
	q := e.open(Settings{})
	e.enqueue(q, theJob)
	ctx, cancel := context.WithCancel(e.Context())
	cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- q.Consume(ctx, func(context.Context, queue.Job) error {
			e.Errorf("a job was delivered; the context of Consume had ended before")
			return nil
		})
	}()
	if err := await(e, ended, "Consume to return"); err != nil {
		e.Errorf("Consume returned %v; when its context ends it returns nil", err)
	}
	if s := e.stats(q); s.Waiting != 1 {
		e.Errorf("Stats is %+v, want 1 waiting job", s)
	}
}
