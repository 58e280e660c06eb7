package queuetest

import (
	"context"
	"errors"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func outageChecks() []check {
	return []check{
		{name: "the error of a backend that is gone is ErrUnavailable", run: unavailable, field: "Cut"},
		{name: "Consume outlasts an outage", run: outlasts, field: "Cut"},
	}
}

func unavailable(e *env) {
	q := e.open(Settings{})
	e.kill(q, theJob)
	defer e.cut(q)()
	_, deadErr := q.Dead(e.Context(), queue.DeadQuery{})
	_, statsErr := q.Stats(e.Context())
	for method, err := range map[string]error{
		"Enqueue": q.Enqueue(e.Context(), queue.Job{Kind: "test", ID: "new"}),
		"Dead":    deadErr,
		"Retry":   q.Retry(e.Context(), theJob.Key()),
		"Discard": q.Discard(e.Context(), theJob.Key(), "test"),
		"Stats":   statsErr,
	} {
		if !errors.Is(err, queue.ErrUnavailable) {
			e.Errorf("%s of a queue whose backend is gone: %v, want ErrUnavailable", method, err)
		}
	}
	if err := q.Enqueue(e.Context(), queue.Job{}); !errors.Is(err, queue.ErrInvalidJob) {
		e.Errorf("Enqueue of an invalid job while the backend is gone: %v, want ErrInvalidJob", err)
	}
}

func outlasts(e *env) {
	q := e.open(Settings{})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.enqueue(q, queue.Job{Kind: "test", ID: "before"})
	e.eventually("the job before the outage has run", func() bool { return len(log.list()) == 1 })
	restore := e.cut(q)
	e.eventually("the outage is noticed", func() bool {
		_, err := q.Stats(e.Context())
		return err != nil
	})
	<-time.After(quiet)
	restore()
	e.eventually("a job can be enqueued after the outage", func() bool {
		return q.Enqueue(e.Context(), queue.Job{Kind: "test", ID: "after"}) == nil
	})
	e.eventually("the job after the outage has run, by the Consume from before", func() bool { return len(log.byKey()) == 2 })
}
