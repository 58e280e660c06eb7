package queuetest

import (
	"context"
	"strings"

	"github.com/eventmetrics/eventmetrics/queue"
)

func originChecks() []check {
	return []check{
		{name: "the origin of a job is that of the Enqueue that added it", run: firstOrigin},
		{name: "a job keeps its origin through attempts, death and retry", run: originKept},
	}
}

// longOrigin is as long as origins may be, and has every byte that they may
// have.
func longOrigin() string {
	var b strings.Builder
	for b.Len() < queue.MaxMetadata {
		b.WriteByte(' ' + byte(b.Len()%95))
	}
	return b.String()
}

func firstOrigin(e *env) {
	q := e.open(Settings{Workers: 1})
	want := map[string]string{"one": "first", "two": "", "three": longOrigin()}
	e.enqueue(q,
		queue.Job{Kind: "test", ID: "one", Metadata: "first"},
		queue.Job{Kind: "test", ID: "one", Metadata: "second"},
		queue.Job{Kind: "test", ID: "two"},
		queue.Job{Kind: "test", ID: "three", Metadata: want["three"]},
	)
	e.enqueue(q, queue.Job{Kind: "test", ID: "one", Metadata: "third"}, queue.Job{Kind: "test", ID: "two", Metadata: "third"})
	got := make(chan queue.Job, len(want))
	e.consume(q, func(_ context.Context, j queue.Job) error { got <- j; return nil })
	for range want {
		j := await(e, got, "the enqueued jobs")
		if j.Metadata != want[j.ID] {
			e.Errorf("job %s has the origin %q, want %q: that of the Enqueue that added it", j.Key(), j.Metadata, want[j.ID])
		}
	}
}

func originKept(e *env) {
	q := e.open(Settings{Retry: attempts(2)})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return errJob }))
	e.enqueue(q, queue.Job{Kind: "test", ID: "1", Metadata: "from here"})
	for round := range 2 {
		e.eventually("the job is dead", func() bool { return e.stats(q).Dead == 1 })
		for _, d := range e.dead(q, queue.DeadQuery{}) {
			if d.Metadata != "from here" {
				e.Errorf("the dead letter has the origin %q, want that of the job, \"from here\"", d.Metadata)
			}
		}
		if round == 0 {
			if err := q.Retry(e.Context(), "test:1"); err != nil {
				e.Fatalf("Retry of a dead job: %v", err)
			}
		}
	}
	for _, d := range log.list() {
		if d.Metadata != "from here" {
			e.Errorf("attempt %d has the origin %q, want that of the job, \"from here\"", d.Attempt, d.Metadata)
		}
	}
}
