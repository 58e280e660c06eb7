package queuetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/queue"
)

func pairChecks() []check {
	return []check{
		{name: "a process runs the jobs that another enqueues", run: pairRuns, field: "OpenPair"},
		{name: "two processes never run a job twice", run: pairNeverTwice, field: "OpenPair"},
		{name: "two processes retry a dead letter once", run: pairRetries, field: "OpenPair"},
		{name: "queues of other names are apart", run: namesApart, field: "OpenOther"},
	}
}

func pairRuns(e *env) {
	a, b := e.pair(Settings{})
	got := make(chan string, 3)
	e.consume(b, func(_ context.Context, j queue.Job) error { got <- j.ID; return nil })
	for i := range 3 { // the other is idle each time
		id := strconv.Itoa(i)
		e.enqueue(a, queue.Job{Kind: "test", ID: id})
		if ran := await(e, got, "another process to run the job"); ran != id {
			e.Errorf("the other process ran job %q, want %q", ran, id)
		}
	}
	e.waitIdle(a)
}

func pairNeverTwice(e *env) {
	const n = 200
	a, b := e.pair(Settings{Workers: 4})
	var log deliveries
	h := log.wrap(func(context.Context, queue.Job) error { return nil })
	e.consume(a, h)
	e.consume(b, h)
	var both sync.WaitGroup
	for _, q := range []queue.Queue{a, b} {
		both.Go(func() {
			for i := range n { // both enqueue the same jobs
				if err := q.Enqueue(e.Context(), queue.Job{Kind: "test", ID: strconv.Itoa(i)}); err != nil {
					e.Errorf("Enqueue beside another process: %v", err)
					return
				}
			}
		})
	}
	both.Wait()
	e.waitIdle(a)
	if got := len(log.list()); got != n || len(log.byKey()) != n {
		e.Errorf("%d deliveries of %d different jobs, want %d of each: two processes enqueued the same jobs; %s", got, len(log.byKey()), n, onceRule)
	}
	if s, other := e.stats(a), e.stats(b); s != other {
		e.Errorf("Stats of one process is %+v, that of the other %+v", s, other)
	}
}

func pairRetries(e *env) {
	a, b := e.pair(Settings{})
	e.kill(a, theJob)
	if got := keys(e.dead(b, queue.DeadQuery{})); got != theJob.Key() {
		e.Errorf("another process lists the dead letters %q, want %q", got, theJob.Key())
	}
	var wins atomic.Int64
	var both sync.WaitGroup
	for _, q := range []queue.Queue{a, b, a, b} {
		both.Go(func() {
			switch err := q.Retry(e.Context(), theJob.Key()); {
			case err == nil:
				wins.Add(1)
			case !errors.Is(err, queue.ErrNotDead):
				e.Errorf("Retry of a job that another Retry has put back: %v, want ErrNotDead", err)
			}
		})
	}
	both.Wait()
	if wins.Load() != 1 {
		e.Errorf("%d of 4 Retry calls of two processes returned nil, want 1", wins.Load())
	}
}

func namesApart(e *env) {
	a := e.open(Settings{})
	b := e.other(a, Settings{})
	e.enqueue(a, theJob)
	if s := e.stats(b); s != (queue.Stats{}) {
		e.Errorf("Stats of a queue of another name is %+v, want zeros", s)
	}
	e.kill(b, theJob)
	if s := e.stats(a); s.Waiting != 1 || s.Dead+s.Running+s.Delayed != 0 {
		e.Errorf("after the same job died in a queue of another name, Stats is %+v; want 1 waiting job", s)
	}
	e.refused(a, theJob.Key(), "waits, and is dead in a queue of another name,", queue.ErrNotDead)
	if dead := e.dead(a, queue.DeadQuery{}); len(dead) != 0 {
		e.Errorf("Dead lists %q, a job of a queue of another name", keys(dead))
	}
	var log deliveries
	e.consume(a, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.ranOnly(a, &log, 1)
}
