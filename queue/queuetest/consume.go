package queuetest

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func consumeChecks() []check {
	return []check{
		{name: "one Consume runs as many jobs concurrently as configured", run: concurrency},
		{name: "concurrent Consumes share the jobs", run: share},
		{name: "no job runs twice concurrently", run: neverTwice},
		{name: "Consume may be called again after it has returned", run: consumeAgain},
		{name: "a job that runs for long stays with its handler", run: longRun, field: "Lease"},
	}
}

func concurrency(e *env) {
	const workers = 3
	q := e.open(Settings{Workers: workers})
	var log deliveries
	var running atomic.Int64
	full, more := make(chan struct{}), make(chan struct{}, 4*workers)
	gate, open := newGate()
	defer open()
	for i := range 4 * workers {
		e.enqueue(q, queue.Job{Kind: "test", ID: strconv.Itoa(i)})
	}
	e.consume(q, log.wrap(func(ctx context.Context, _ queue.Job) error {
		switch n := running.Add(1); {
		case n == workers:
			close(full)
		case n > workers:
			more <- struct{}{}
		}
		return block(ctx, gate)
	}))
	await(e, full, "as many jobs to run concurrently as the queue has workers, 3")
	select {
	case <-more:
	case <-time.After(quiet):
	}
	if s := e.stats(q); s.Running != workers || s.Waiting != 3*workers {
		e.Errorf("Stats is %+v, want %d running and %d waiting: a Consume takes no more jobs than it can run", s, workers, 3*workers)
	}
	open()
	e.waitIdle(q)
	if most, _ := log.concurrency(); most > workers {
		e.Errorf("%d jobs ran concurrently, want at most %d", most, workers)
	}
}

// share makes two Consumes of one worker each wait for each other.
func share(e *env) {
	q := e.open(Settings{Workers: 1})
	var log deliveries
	var running atomic.Int64
	both := make(chan struct{})
	h := log.wrap(func(ctx context.Context, _ queue.Job) error {
		if running.Add(1) == 2 {
			close(both)
		}
		return block(ctx, both)
	})
	e.consume(q, h)
	e.consume(q, h)
	e.enqueue(q, queue.Job{Kind: "test", ID: "1"}, queue.Job{Kind: "test", ID: "2"})
	await(e, both, "two Consumes of one worker each to run a job each at the same time")
	e.waitIdle(q)
}

func neverTwice(e *env) {
	const n = 300
	q := e.open(Settings{Workers: 4})
	var log deliveries
	h := log.wrap(func(_ context.Context, j queue.Job) error {
		if draw(j)%4 == 0 && !j.Last() {
			return errJob
		}
		return nil
	})
	for range 3 {
		e.consume(q, h)
	}
	var jobs []queue.Job
	for i := range n {
		jobs = append(jobs, queue.Job{Kind: "test", ID: strconv.Itoa(i)})
	}
	for some := range slices.Chunk(jobs, 10) {
		e.enqueue(q, some...)
	}
	e.waitIdle(q)
	if _, overlaps := log.concurrency(); len(overlaps) > 0 {
		e.Errorf("%d jobs ran twice concurrently, such as %s; at any time one handler has a job", len(overlaps), overlaps[0])
	}
	runs := log.byKey()
	if len(runs) != n {
		e.Errorf("%d different jobs were delivered, want all %d", len(runs), n)
	}
	for key, r := range runs {
		succeeded := 0
		for _, d := range r {
			if d.err == nil {
				succeeded++
			}
		}
		if succeeded != 1 {
			e.Errorf("job %s succeeded %d times, want once: no process was lost, so no job runs again", key, succeeded)
		}
	}
}

func consumeAgain(e *env) {
	q := e.open(Settings{})
	for i := range 3 {
		got := make(chan string, 1)
		stop := e.consume(q, func(_ context.Context, j queue.Job) error { got <- j.ID; return nil })
		e.enqueue(q, queue.Job{Kind: "test", ID: strconv.Itoa(i)})
		if id := await(e, got, "a job of the Consume that runs now"); id != strconv.Itoa(i) {
			e.Errorf("Consume number %d got job %q, want %d", i+1, id, i)
		}
		stop()
	}
}

// longRun has a job that runs for three leases, beside a Consume that would get
// it.
func longRun(e *env) {
	q := e.open(Settings{Workers: 2})
	var log deliveries
	h := log.wrap(func(ctx context.Context, _ queue.Job) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(3 * e.lease):
			return nil
		}
	})
	e.consume(q, h)
	e.consume(q, h)
	e.enqueue(q, theJob)
	e.waitIdle(q)
	if runs := log.list(); len(runs) != 1 || runs[0].err != nil {
		e.Errorf("a job that runs for three leases was delivered %d times, want once, to the end: the queue knows that its process is alive", len(runs))
	}
}
