package queuetest

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func drainChecks() []check {
	return []check{
		{name: "running jobs may finish when the context of Consume ends", run: drainFinish},
		{name: "no job is taken when the context of Consume ends", run: drainTakesNone},
		{name: "a job that outlasts the drain timeout is put back and its attempt does not count", run: drainRefund},
		{name: "a job that succeeds after its context was cancelled is completed", run: drainSuccess},
		{name: "an attempt that fails during the drain counts", run: drainFails},
		{name: "a job that is put back runs before jobs that were enqueued later", run: drainKeepsPlace},
	}
}

// quiet is how long a check waits for an event that must not happen.
const quiet = 100 * time.Millisecond

func drainFinish(e *env) {
	q := e.open(Settings{DrainTimeout: time.Minute})
	started, ctxErr := make(chan struct{}), make(chan error, 1)
	var log deliveries
	stop := e.consume(q, log.wrap(func(ctx context.Context, _ queue.Job) error {
		close(started)
		// Consume is ending during this wait.
		select {
		case <-ctx.Done():
		case <-time.After(quiet):
		}
		ctxErr <- ctx.Err()
		return nil
	}))
	e.enqueue(q, theJob)
	await(e, started, "the job to start")
	stop()
	select {
	case err := <-ctxErr:
		if err != nil {
			e.Errorf("the context of a running job ended with that of Consume (%v); it stays valid for the drain timeout", err)
		}
	default:
		e.Errorf("Consume returned while a job was running; it waits for it, up to the drain timeout")
	}
	e.waitIdle(q)
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.ranOnly(q, &log, 1)
}

func drainTakesNone(e *env) {
	q := e.open(Settings{DrainTimeout: time.Minute})
	started := make(chan struct{}, 2)
	gate, open := newGate()
	defer open()
	var log deliveries
	ctx, cancel := context.WithCancel(e.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- q.Consume(ctx, log.wrap(func(ctx context.Context, _ queue.Job) error {
			started <- struct{}{}
			return block(ctx, gate)
		}))
	}()
	e.enqueue(q, theJob)
	await(e, started, "the job to start")
	cancel()
	// A job that is enqueued during the cancel may still be taken.
	<-time.After(quiet)
	e.enqueue(q, queue.Job{Kind: "test", ID: "late"})
	select {
	case <-started:
		e.Errorf("a job was delivered after the context of Consume had ended")
	case <-time.After(quiet):
	}
	open()
	if err := await(e, ended, "Consume to return"); err != nil {
		e.Errorf("Consume returned %v; when its context ends it returns nil", err)
	}
	if s := e.stats(q); s.Waiting != 1 || s.Running != 0 {
		e.Errorf("Stats is %+v, want the late job waiting and none running", s)
	}
}

func drainRefund(e *env) {
	// With one attempt, a job whose attempt counts is dead.
	q := e.open(Settings{DrainTimeout: 20 * time.Millisecond, Retry: attempts(1)})
	answers := map[string]func(context.Context) error{
		"context":   func(ctx context.Context) error { return ctx.Err() },
		"other":     func(context.Context) error { return errJob },
		"permanent": func(ctx context.Context) error { return queue.Permanent(ctx.Err()) },
	}
	started := make(chan struct{}, len(answers))
	stop := e.consume(q, func(ctx context.Context, j queue.Job) error {
		started <- struct{}{}
		select {
		case <-ctx.Done():
		case <-time.After(e.timeout):
			e.Errorf("the context of a job that outlasts the drain was not cancelled")
		}
		return answers[j.ID](ctx)
	})
	for id := range answers {
		e.enqueue(q, queue.Job{Kind: "test", ID: id})
	}
	for range answers {
		await(e, started, "three jobs to start")
	}
	stop()
	if s := e.stats(q); s.Waiting != 3 || s.Running+s.Dead+s.Delayed != 0 {
		e.Errorf("Stats is %+v, want 3 waiting jobs: jobs that have not succeeded are put back when Consume returns", s)
	}
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.eventually("the three jobs that were put back have run", func() bool { return len(log.byKey()) == 3 })
	for _, d := range log.list() {
		if d.Attempt != 1 {
			e.Errorf("job %s came again as attempt %d, want 1: an attempt that the end of Consume has ended does not count", d.Key(), d.Attempt)
		}
	}
}

func drainSuccess(e *env) {
	q := e.open(Settings{DrainTimeout: 20 * time.Millisecond})
	var log deliveries
	started := make(chan struct{})
	stop := e.consume(q, log.wrap(func(ctx context.Context, _ queue.Job) error {
		close(started)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(e.timeout):
			return fmt.Errorf("the context was not cancelled within %v", e.timeout)
		}
	}))
	e.enqueue(q, theJob)
	await(e, started, "the job to start")
	stop()
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.ranOnly(q, &log, 1)
}

func drainFails(e *env) {
	q := e.open(Settings{DrainTimeout: time.Minute, Retry: attempts(2)})
	started := make(chan struct{})
	gate, open := newGate()
	ctx, cancel := context.WithCancel(e.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- q.Consume(ctx, func(ctx context.Context, _ queue.Job) error {
			close(started)
			if err := block(ctx, gate); err != nil {
				return err
			}
			return errJob
		})
	}()
	e.enqueue(q, theJob)
	await(e, started, "the job to start")
	cancel()
	<-time.After(quiet) // Consume is ending during this wait
	open()
	if err := await(e, ended, "Consume to return"); err != nil {
		e.Errorf("Consume returned %v; when its context ends it returns nil", err)
	}
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return errJob }))
	e.eventually("a job that has failed twice is dead", func() bool { return e.stats(q).Dead == 1 })
	for _, d := range log.list() {
		if d.Attempt != 2 {
			e.Errorf("after an attempt that failed during the drain the job runs as attempt %d, want 2: the context was valid, so the attempt counts", d.Attempt)
		}
	}
}

// runTheJob enqueues theJob and returns when it runs. The returned function ends
// the Consume, and so the job.
func (e *env) runTheJob(q queue.Queue) (stop func()) {
	e.Helper()
	started := make(chan struct{})
	stop = e.consume(q, func(ctx context.Context, _ queue.Job) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	})
	e.enqueue(q, theJob)
	await(e, started, "the job to start")
	return stop
}

func drainKeepsPlace(e *env) {
	q := e.open(Settings{DrainTimeout: 20 * time.Millisecond, Workers: 1})
	stop := e.runTheJob(q)
	e.enqueue(q, queue.Job{Kind: "test", ID: "later"})
	stop()
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.eventually("both jobs have run", func() bool { return len(log.list()) == 2 })
	if first := log.list()[0]; first.ID != theJob.ID {
		e.Errorf("job %s ran first, want the one that was put back, %s", first.Key(), theJob.Key())
	}
}
