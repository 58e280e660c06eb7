package queuetest

import (
	"context"
	"strconv"

	"github.com/eventmetrics/eventmetrics/queue"
)

func crashChecks() []check {
	reopens := func(h Harness) bool { return h.Reopen != nil }
	return []check{
		{name: "a lost process loses no job", run: crashLosesNone, needs: reopens},
		{name: "a job that kills its process is dead after its last attempt", run: poison, needs: reopens},
		{name: "dead and completed jobs are remembered after a crash", run: crashRemembers, needs: reopens},
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
