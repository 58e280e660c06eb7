package queuetest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// errPanic stands for the error of a handler that panicked.
var errPanic = errors.New("the handler panicked")

func attemptChecks() []check {
	return []check{
		{name: "attempts count from one to the last", run: attemptsCount},
		{name: "a retry waits at least the backoff, which doubles", run: backoff},
		{name: "the backoff stays below its maximum", run: backoffMax},
		{name: "a job with a permanent error is dead at once", run: permanent},
		{name: "a panic counts as an error of the attempt", run: panics},
		{name: "every job ends completed or dead", run: everyJobEnds},
	}
}

func attemptsCount(e *env) {
	q := e.open(Settings{Retry: attempts(3)})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return errJob }))
	e.enqueue(q, theJob)
	e.eventually("a job that always fails is dead", func() bool { return e.stats(q).Dead == 1 })
	e.waitIdle(q)
	all := log.list()
	if len(all) != 3 {
		e.Fatalf("a job that always fails was delivered %d times, want its 3 attempts", len(all))
	}
	for i, d := range all {
		if d.Attempt != i+1 || d.MaxAttempts != 3 {
			e.Errorf("delivery %d is attempt %d of %d, want %d of 3", i+1, d.Attempt, d.MaxAttempts, i+1)
		}
		if d.Last() != (i == 2) {
			e.Errorf("Last is %v on attempt %d of 3", d.Last(), i+1)
		}
	}
	if dead := e.dead(q, queue.DeadQuery{}); len(dead) != 1 || dead[0].Attempt != 3 || dead[0].MaxAttempts != 3 {
		e.Errorf("Dead is %+v, want one job with attempt 3 of 3", dead)
	}
}

func backoff(e *env) {
	const base = 30 * time.Millisecond
	q := e.open(Settings{Retry: queue.Retry{MaxAttempts: 5, Base: base, Jitter: -1}})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return errJob }))
	for i := range 4 {
		e.enqueue(q, queue.Job{Kind: "test", ID: strconv.Itoa(i)})
	}
	e.eventually("four jobs that always fail are dead", func() bool { return e.stats(q).Dead == 4 })
	for key, runs := range log.byKey() {
		for i := range len(runs) - 1 {
			least := base << i
			if wait := runs[i+1].start.Sub(runs[i].end); wait < least-slack {
				e.Errorf("job %s: attempt %d began %v after attempt %d had failed, want at least the backoff, which doubles, %v", key, i+2, wait, i+1, least)
			}
		}
	}
}

// backoffMax has a job whose waits would sum to days without the maximum.
func backoffMax(e *env) {
	const n = 24
	q := e.open(Settings{Retry: queue.Retry{MaxAttempts: n, Base: 10 * time.Millisecond, Max: 10 * time.Millisecond, Jitter: -1}})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return errJob }))
	e.enqueue(q, theJob)
	for done := range n { // the timeout is that of one wait
		e.eventually(fmt.Sprintf("attempt %d has run, 10 ms after the one before", done+1), func() bool { return len(log.list()) > done })
	}
}

func permanent(e *env) {
	q := e.open(Settings{Retry: attempts(3)})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error {
		return fmt.Errorf("wrapped: %w", queue.Permanent(errJob))
	}))
	e.enqueue(q, theJob)
	e.eventually("a job with a permanent error is dead", func() bool { return e.stats(q).Dead == 1 })
	e.waitIdle(q)
	if n := len(log.list()); n != 1 {
		e.Errorf("a job with a permanent error was delivered %d times, want once: no attempt follows such an error", n)
	}
	if dead := e.dead(q, queue.DeadQuery{}); len(dead) != 1 || dead[0].Attempt != 1 {
		e.Errorf("Dead is %+v, want one job with 1 attempt made", dead)
	} else if want := "wrapped: " + errJob.Error(); dead[0].Err != want {
		e.Errorf("Err is %q, want the message of the error alone, %q", dead[0].Err, want)
	}
}

func panics(e *env) {
	q := e.open(Settings{Retry: attempts(2)})
	var log deliveries
	e.consume(q, log.wrap(func(_ context.Context, j queue.Job) error {
		if j.ID == "always" || j.Attempt == 1 {
			panic("the sky falls")
		}
		return nil
	}))
	e.enqueue(q, queue.Job{Kind: "test", ID: "always"}, queue.Job{Kind: "test", ID: "once"})
	e.eventually("a job that always panics is dead", func() bool { return e.stats(q).Dead == 1 })
	e.waitIdle(q)
	for key, runs := range log.byKey() {
		if len(runs) != 2 {
			e.Errorf("job %s was delivered %d times, want 2: a panic fails the attempt like an error", key, len(runs))
		}
	}
	if dead := e.dead(q, queue.DeadQuery{}); len(dead) != 1 || dead[0].ID != "always" || dead[0].Err == "" {
		e.Errorf("Dead is %+v, want the job that always panics, with an error", dead)
	}
}

// everyJobEnds runs 200 jobs that succeed and fail in all ways, depending on the
// id and the attempt, and checks the end of each.
func everyJobEnds(e *env) {
	const n = 200
	q := e.open(Settings{Workers: 8, Retry: attempts(3)})
	var log deliveries
	e.consume(q, log.wrap(func(_ context.Context, j queue.Job) error {
		switch draw(j) % 5 {
		case 0:
			return queue.Permanent(errJob)
		case 1, 2:
			return errJob
		case 3:
			panic("the sky falls")
		default:
			return nil
		}
	}))
	var jobs []queue.Job
	for i := range n {
		jobs = append(jobs, queue.Job{Kind: "test", ID: strconv.Itoa(i)})
	}
	e.enqueue(q, jobs...)
	e.waitIdle(q)
	dead := map[string]bool{}
	for _, d := range e.dead(q, queue.DeadQuery{Limit: 1000}) {
		dead[d.Key()] = true
	}
	runs := log.byKey()
	for _, j := range jobs {
		e.ended(j.Key(), runs[j.Key()], dead[j.Key()])
	}
}

// ended checks that a job is dead if and only if its last run failed.
func (e *env) ended(key string, runs []delivery, dead bool) {
	e.Helper()
	if len(runs) == 0 {
		e.Errorf("job %s was lost: it was never delivered", key)
		return
	}
	for i, d := range runs {
		if d.Attempt != i+1 {
			e.Errorf("job %s: delivery %d is attempt %d; attempts count by one", key, i+1, d.Attempt)
		}
	}
	last := runs[len(runs)-1]
	switch {
	case last.err == nil && dead:
		e.Errorf("job %s succeeded and is dead", key)
	case last.err != nil && !dead:
		e.Errorf("job %s failed permanently (%v, attempt %d of %d) and is not dead: it is lost", key, last.err, last.Attempt, last.MaxAttempts)
	case last.err != nil && !last.Last() && !queue.IsPermanent(last.err):
		e.Errorf("job %s is dead with attempts left (%d of %d made)", key, last.Attempt, last.MaxAttempts)
	}
}

func draw(j queue.Job) uint32 {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, j.ID, "/", j.Attempt)
	return h.Sum32()
}
