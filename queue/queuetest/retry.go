package queuetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/queue"
)

func retryChecks() []check {
	return []check{
		{name: "a retried dead letter has all its attempts again", run: retryAll},
		{name: "of many retries of one dead letter one succeeds", run: retryOnce},
		{name: "only dead letters are retried or discarded", run: onlyDead},
		{name: "a discarded job may be enqueued again", run: discardAgain},
	}
}

func retryAll(e *env) {
	q := e.open(Settings{Retry: attempts(2)})
	var log deliveries
	var rounds atomic.Int64
	h := log.wrap(func(_ context.Context, j queue.Job) error {
		if rounds.Load() == 2 && j.Last() {
			return nil
		}
		return errJob
	})
	e.consume(q, h)
	e.enqueue(q, theJob)
	for range 2 { // also the second time
		e.eventually("the job is dead", func() bool { return e.stats(q).Dead == 1 })
		rounds.Add(1)
		if err := q.Retry(e.Context(), theJob.Key()); err != nil {
			e.Fatalf("Retry of a dead job: %v", err)
		}
	}
	e.waitIdle(q)
	var got []int
	for _, d := range log.list() {
		got = append(got, d.Attempt*10+d.MaxAttempts)
	}
	want := []int{12, 22, 12, 22, 12, 22}
	if len(got) != len(want) {
		e.Fatalf("the job was delivered %d times, want %d: 2 attempts, and 2 more after each of 2 retries", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			e.Errorf("delivery %d is attempt %d of %d, want %d of %d: a retried job has all its attempts again", i+1, got[i]/10, got[i]%10, want[i]/10, want[i]%10)
		}
	}
	if s := e.stats(q); s.Dead != 0 {
		e.Errorf("Stats is %+v, want no dead job: the retried one has succeeded", s)
	}
}

func retryOnce(e *env) {
	q := e.open(Settings{})
	e.kill(q, theJob)
	var wins atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			switch err := q.Retry(e.Context(), theJob.Key()); {
			case err == nil:
				wins.Add(1)
			case !errors.Is(err, queue.ErrNotDead):
				e.Errorf("Retry of a job that another Retry has put back: %v, want ErrNotDead", err)
			}
		})
	}
	all.Wait()
	if wins.Load() != 1 {
		e.Errorf("%d of 20 concurrent Retry calls returned nil, want 1: it removes the job from the dead letters", wins.Load())
	}
	if s := e.stats(q); s.Waiting != 1 || s.Dead != 0 {
		e.Errorf("Stats is %+v, want 1 waiting job and none dead", s)
	}
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.ranOnly(q, &log, 1)
}

// onlyDead tries every state of a job that is not dead.
func onlyDead(e *env) {
	q := e.open(Settings{})
	e.refused(q, "test:unknown", "is unknown", queue.ErrNotFound)
	e.refused(q, "no key", "has no valid key", queue.ErrNotFound)
	e.enqueue(q, theJob)
	e.refused(q, theJob.Key(), "waits", queue.ErrNotDead)
	started := make(chan struct{})
	gate, open := newGate()
	defer open()
	e.consume(q, func(ctx context.Context, _ queue.Job) error {
		close(started)
		return block(ctx, gate)
	})
	await(e, started, "the job to start")
	e.refused(q, theJob.Key(), "is running", queue.ErrNotDead)
	open()
	e.waitIdle(q)
	e.refused(q, theJob.Key(), "is completed, within the done window", queue.ErrNotDead)
}

func (e *env) refused(q queue.Queue, key, state string, want error) {
	e.Helper()
	if err := q.Retry(e.Context(), key); !errors.Is(err, want) {
		e.Errorf("Retry of a job that %s: %v, want %v", state, err, want)
	}
	if err := q.Discard(e.Context(), key, "test"); !errors.Is(err, want) {
		e.Errorf("Discard of a job that %s: %v, want %v", state, err, want)
	}
}

func discardAgain(e *env) {
	q := e.open(Settings{})
	e.kill(q, theJob)
	e.discard(q, theJob.Key())
	if s, dead := e.stats(q), e.dead(q, queue.DeadQuery{}); s.Dead != 0 || len(dead) != 0 {
		e.Errorf("after Discard, Stats is %+v and Dead lists %q, want no dead job", s, keys(dead))
	}
	e.refused(q, theJob.Key(), "was discarded", queue.ErrNotFound)
	got := make(chan queue.Job, 1)
	e.consume(q, func(_ context.Context, j queue.Job) error { got <- j; return nil })
	e.enqueue(q, theJob)
	if j := await(e, got, "a discarded job that was enqueued again"); j.Attempt != 1 {
		e.Errorf("a discarded job that was enqueued again is at attempt %d, want 1", j.Attempt)
	}
}
