package queuetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func enqueueChecks() []check {
	return []check{
		{name: "a job is delivered as it was enqueued", run: deliveredAsIs},
		{name: "a job may be enqueued before and while Consume runs", run: beforeAndWhile},
		{name: "many jobs enqueued in one call are all delivered", run: bulk},
		{name: "an invalid job is refused and none of the call is added", run: invalid},
		{name: "a job never runs before its time", run: neverEarly},
		{name: "a job whose time has passed runs immediately", run: timePast},
	}
}

func deliveredAsIs(e *env) {
	q := e.open(Settings{Retry: attempts(3)})
	got := make(chan queue.Job, 1)
	e.consume(q, func(_ context.Context, j queue.Job) error { got <- j; return nil })
	// Attempt and MaxAttempts are the queue's to set.
	e.enqueue(q, queue.Job{Kind: "k-1_z", ID: "!~:a", Attempt: 7, MaxAttempts: 99})
	j := await(e, got, "the enqueued job")
	if j.Kind != "k-1_z" || j.ID != "!~:a" {
		e.Errorf("handler got %q %q, want the kind and id that were enqueued, \"k-1_z\" \"!~:a\"", j.Kind, j.ID)
	}
	if j.Attempt != 1 || j.MaxAttempts != 3 {
		e.Errorf("handler got attempt %d of %d, want 1 of 3; the queue sets them and ignores those of the enqueued job", j.Attempt, j.MaxAttempts)
	}
}

func beforeAndWhile(e *env) {
	q := e.open(Settings{})
	got := make(chan string, 2)
	e.enqueue(q, queue.Job{Kind: "test", ID: "before"})
	if s := e.stats(q); s.Waiting != 1 {
		e.Errorf("after Enqueue without a Consume, Stats is %+v; want 1 waiting job: Enqueue has added it when it returns nil", s)
	}
	e.consume(q, func(_ context.Context, j queue.Job) error { got <- j.ID; return nil })
	if id := await(e, got, "the job that was enqueued before Consume"); id != "before" {
		e.Errorf("handler got %q, want \"before\"", id)
	}
	e.enqueue(q, queue.Job{Kind: "test", ID: "while"})
	if id := await(e, got, "the job that was enqueued while Consume runs"); id != "while" {
		e.Errorf("handler got %q, want \"while\"", id)
	}
	e.waitIdle(q)
}

func bulk(e *env) {
	const n = 1500
	q := e.open(Settings{Workers: 20})
	jobs := make([]queue.Job, n, n+1)
	for i := range jobs {
		jobs[i] = queue.Job{Kind: "test", ID: strconv.Itoa(i)}
	}
	e.enqueue(q, append(jobs, jobs[0])...) // the last one twice in one call
	if s := e.stats(q); s.Waiting != n {
		e.Errorf("after Enqueue of %d jobs and one of them again, Stats is %+v; want %d waiting", n, s, n)
	}
	e.enqueue(q)
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.waitIdle(q)
	if got := len(log.byKey()); got != n {
		e.Errorf("%d different jobs were delivered, want all %d", got, n)
	}
}

func invalid(e *env) {
	q := e.open(Settings{})
	for _, bad := range []queue.Job{
		{},
		{Kind: "x", ID: "kind-too-short"},
		{Kind: "Upper", ID: "1"},
		{Kind: "test"},
		{Kind: "test", ID: "with space"},
		{Kind: "test", ID: fmt.Sprintf("%0129d", 0)},
		{Kind: "test", ID: "1", Metadata: longMetadata() + "x"},
		{Kind: "test", ID: "1", Metadata: "tab\t"},
		{Kind: "test", ID: "1", Metadata: "déjà vu"},
	} {
		err := q.Enqueue(e.Context(), queue.Job{Kind: "test", ID: "fine"}, bad)
		if !errors.Is(err, queue.ErrInvalidJob) {
			e.Errorf("Enqueue of kind %.40q, id %.40q, metadata %.40q: %v; want ErrInvalidJob", bad.Kind, bad.ID, bad.Metadata, err)
		}
	}
	if s := e.stats(q); s.Waiting != 0 {
		e.Errorf("Stats is %+v; want no job: all jobs of a call are checked before one is added", s)
	}
}

func neverEarly(e *env) {
	q := e.open(Settings{})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	var jobs []queue.Job
	for i := range 10 {
		runAt := time.Now().Add(200*time.Millisecond + time.Duration(i)*12345*time.Microsecond)
		jobs = append(jobs, queue.Job{Kind: "test", ID: strconv.Itoa(i), RunAt: runAt})
	}
	e.enqueue(q, append(jobs, queue.Job{Kind: "test", ID: "tomorrow", RunAt: time.Now().Add(24 * time.Hour)})...)
	e.eventually("10 delayed jobs have run and the one of tomorrow has not", func() bool {
		return len(log.list()) >= 10
	})
	for _, d := range log.list() {
		i, err := strconv.Atoi(d.ID)
		if err != nil {
			e.Errorf("job %s ran a day early", d.Key())
			continue
		}
		if early := jobs[i].RunAt.Sub(d.start); early > slack {
			e.Errorf("job %s ran %v before its RunAt; it may be late but never early", d.Key(), early)
		}
	}
}

func timePast(e *env) {
	q := e.open(Settings{})
	got := make(chan queue.Job, 1)
	e.consume(q, func(_ context.Context, j queue.Job) error { got <- j; return nil })
	e.enqueue(q, queue.Job{Kind: "test", ID: "1", RunAt: time.Now().Add(-time.Hour)})
	await(e, got, "a job whose RunAt is an hour ago")
}
