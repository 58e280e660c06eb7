package queuetest

import (
	"context"
	"strings"

	"github.com/eventmetrics/eventmetrics/queue"
)

func metadataChecks() []check {
	return []check{
		{name: "the metadata of a job is that of the Enqueue that added it", run: firstMetadata},
		{name: "a job keeps its metadata through attempts, death and retry", run: metadataKept},
	}
}

// longMetadata returns metadata of the greatest length, with every allowed byte.
func longMetadata() string {
	var b strings.Builder
	for b.Len() < queue.MaxMetadata {
		b.WriteByte(' ' + byte(b.Len()%95))
	}
	return b.String()
}

func firstMetadata(e *env) {
	q := e.open(Settings{Workers: 1})
	want := map[string]string{"one": "first", "two": "", "three": longMetadata()}
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
			e.Errorf("job %s has the metadata %q, want %q: that of the Enqueue that added it", j.Key(), j.Metadata, want[j.ID])
		}
	}
}

func metadataKept(e *env) {
	q := e.open(Settings{Retry: attempts(2)})
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return errJob }))
	e.enqueue(q, queue.Job{Kind: "test", ID: "1", Metadata: "from here"})
	for round := range 2 {
		e.eventually("the job is dead", func() bool { return e.stats(q).Dead == 1 })
		for _, d := range e.dead(q, queue.DeadQuery{}) {
			if d.Metadata != "from here" {
				e.Errorf("the dead letter has the metadata %q, want that of the job, \"from here\"", d.Metadata)
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
			e.Errorf("attempt %d has the metadata %q, want that of the job, \"from here\"", d.Attempt, d.Metadata)
		}
	}
}
