package queuetest

import (
	"context"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func crashChecks() []check {
	return []check{
		{name: "a lost process loses no job", run: crashLosesNone, field: "Reopen"},
		{name: "a job that kills its process is dead after its last attempt", run: poison, field: "Reopen"},
		{name: "dead and completed jobs are remembered after a crash", run: crashRemembers, field: "Reopen"},
		{name: "jobs survive a loss of power right after each call", run: powerLosesNone, field: "PowerCut"},
		{name: "a lost job runs before jobs that were enqueued later", run: lostFirst, field: "Reopen"},
		{name: "the last attempt of a job that lost its process waits", run: lastWaits, field: "Reopen"},
		{name: "a job that kills its process takes no other job with it", run: innocents, field: "Reopen"},
	}
}

func crashLosesNone(e *env) {
	const n, workers = 40, 4
	s := Settings{Workers: workers}
	q := e.open(s)
	started := make(chan struct{}, n)
	gate, open := newGate()
	defer open()
	e.consume(q, func(ctx context.Context, _ queue.Job) error {
		started <- struct{}{}
		return block(ctx, gate)
	})
	for i := range n {
		e.enqueue(q, queue.Job{Kind: "test", ID: strconv.Itoa(i)})
	}
	for range workers {
		await(e, started, "all workers to be busy")
	}
	q = e.reopen(q, s)
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.eventually("all jobs that were waiting or running at the crash have run", func() bool { return len(log.byKey()) == n })
	e.waitIdle(q)
	second := 0
	for key, runs := range log.byKey() {
		if a := runs[0].Attempt; a == 2 {
			second++
		} else if a != 1 {
			e.Errorf("job %s runs as attempt %d after one crash, want 1 or 2", key, a)
		}
	}
	if second != workers {
		e.Errorf("%d jobs run as attempt 2, want the %d that were running at the crash: a lost attempt counts", second, workers)
	}
}

func poison(e *env) {
	s := Settings{Retry: attempts(2)}
	q := e.open(s)
	e.enqueue(q, theJob)
	gate, open := newGate()
	defer open()
	for want := 1; want <= 2; want++ {
		got := make(chan queue.Job, 2)
		e.consume(q, func(ctx context.Context, j queue.Job) error {
			got <- j
			return block(ctx, gate)
		})
		if j := await(e, got, "the job to start"); j.Attempt != want {
			e.Errorf("after %d crashes the job runs as attempt %d, want %d: a lost attempt counts", want-1, j.Attempt, want)
		}
		q = e.reopen(q, s)
	}
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.eventually("a job that lost its process on its last attempt is dead", func() bool { return e.stats(q).Dead == 1 })
	e.ranOnly(q, &log, 0)
	if got := numbersOf(e.onlyDeadLetter(q)); got != "1 2" {
		e.Errorf("a job that killed its process twice has failures of the attempts %q, want \"1 2\": a lost attempt counts", got)
	}
}

func crashRemembers(e *env) {
	s := Settings{}
	q := e.open(s)
	e.kill(q, theJob)
	done := queue.Job{Kind: "test", ID: "done"}
	var log deliveries
	h := log.wrap(func(context.Context, queue.Job) error { return nil })
	stop := e.consume(q, h)
	e.enqueue(q, done)
	e.eventually("a job has run", func() bool { return len(log.list()) == 1 })
	e.waitIdle(q)
	stop()
	q = e.reopen(q, s)
	if got := keys(e.dead(q, queue.DeadQuery{})); got != theJob.Key() {
		e.Errorf("after a crash Dead lists %q, want %q", got, theJob.Key())
	}
	e.enqueue(q, theJob, done)
	e.consume(q, h)
	e.ranOnly(q, &log, 1)
}

// powerLosesNone cuts the power after each change of the queue.
func powerLosesNone(e *env) {
	q, cut := e.power(Settings{})
	e.enqueue(q, theJob)
	q = cut()
	if got := e.stats(q).Waiting; got != 1 {
		e.Fatalf("%d jobs wait after Enqueue and a loss of power, want 1: they are durable when it returns nil", got)
	}
	stop := e.consume(q, func(context.Context, queue.Job) error { return queue.Permanent(errJob) })
	e.eventually("the job is dead", func() bool { return e.stats(q).Dead == 1 })
	stop()
	q = cut()
	if got := keys(e.dead(q, queue.DeadQuery{})); got != theJob.Key() {
		e.Fatalf("after a loss of power Dead lists %q, want %q", got, theJob.Key())
	}
	if err := q.Retry(e.Context(), theJob.Key()); err != nil {
		e.Fatalf("Retry: %v", err)
	}
	q = cut()
	if got := e.stats(q); got.Dead != 0 || got.Waiting != 1 {
		e.Errorf("after Retry and a loss of power: %d dead, %d waiting, want 0 and 1", got.Dead, got.Waiting)
	}
	stop = e.consume(q, func(context.Context, queue.Job) error { return queue.Permanent(errJob) })
	e.eventually("the job is dead again", func() bool { return e.stats(q).Dead == 1 })
	stop()
	if err := q.Discard(e.Context(), theJob.Key(), "not needed"); err != nil {
		e.Fatalf("Discard: %v", err)
	}
	if got := e.stats(cut()); got.Dead != 0 || got.Waiting != 0 {
		e.Errorf("after Discard and a loss of power: %d dead, %d waiting, want none", got.Dead, got.Waiting)
	}
}

func lostFirst(e *env) {
	s := Settings{Workers: 1}
	q := e.open(s)
	started := make(chan struct{}, 1)
	gate, open := newGate()
	defer open()
	e.consume(q, func(ctx context.Context, _ queue.Job) error {
		started <- struct{}{}
		return block(ctx, gate)
	})
	e.enqueue(q, theJob)
	await(e, started, "the job to start")
	e.enqueue(q, queue.Job{Kind: "test", ID: "later"})
	q = e.reopen(q, s)
	var log deliveries
	<-time.After(e.lease + quiet) // so that the lost process is noticed
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.eventually("both jobs have run", func() bool { return len(log.list()) == 2 })
	if first := log.list()[0]; first.ID != theJob.ID {
		e.Errorf("job %s ran first, want the one that was lost, %s: a job that is put back runs before those that were enqueued later", first.Key(), theJob.Key())
	}
}

// lastWaits kills the process twice within a moment.
func lastWaits(e *env) {
	s := Settings{Retry: queue.Retry{MaxAttempts: 3, Base: time.Hour, Jitter: -1}}
	q := e.open(s)
	e.enqueue(q, theJob)
	gate, open := newGate()
	defer open()
	for range 2 {
		started := make(chan struct{}, 4)
		e.consume(q, func(ctx context.Context, _ queue.Job) error {
			started <- struct{}{}
			return block(ctx, gate)
		})
		await(e, started, "the job to start")
		q = e.reopen(q, s)
	}
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.eventually("a job with one attempt left, which has lost its process, is counted as delayed", func() bool {
		return e.stats(q) == queue.Stats{Delayed: 1}
	})
	if n := len(log.list()); n > 0 {
		e.Errorf("the job was delivered %d times, want none: its last attempt waits for the backoff, so that kills within a moment do not make it dead", n)
	}
}
