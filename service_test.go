package eventmetrics_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/examples/customqueue"
	"github.com/eventmetrics/eventmetrics/examples/customstore"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

const header = "candidate_id,test_id,event_type,timestamp\n"

// day is a file with n events of one type on 2025-11-08.
func day(n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "C%d,T1,started,2025-11-08T09:00:00Z\n", i)
	}
	return b.String()
}

type rig struct {
	*eventmetrics.Service
	store *customstore.Store
	queue *customqueue.Queue
}

// newRig returns a Service on memory whose jobs are tried again at once. Its
// workers run until the test ends, if work is true.
func newRig(t *testing.T, st store.Store, work bool) *rig {
	memory := customstore.New()
	if st == nil {
		st = memory
	}
	q := customqueue.New(&customqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	r := &rig{eventmetrics.New(st, q, &eventmetrics.Options{ReconcileEvery: 20 * time.Millisecond}), memory, q}
	if work {
		r.start(t)
	}
	return r
}

func (r *rig) start(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func (r *rig) upload(t *testing.T, content string) store.Batch {
	t.Helper()
	receipt, err := r.Upload(t.Context(), eventmetrics.File{Name: "events.csv", Body: strings.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Batch
}

func (r *rig) finish(t *testing.T, id string) store.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b, err := r.Wait(ctx, id)
	if err != nil {
		t.Fatalf("batch is %s (%s): %v", b.Status, b.Cause, err)
	}
	return b
}

func (r *rig) process(t *testing.T, id string) store.Batch {
	t.Helper()
	if err := r.Process(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return r.finish(t, id)
}

// count enters a batch into the ledger, without a worker.
func (r *rig) count(t *testing.T, id string) {
	t.Helper()
	for chunk, err := range r.store.Attachment(t.Context(), id, store.PendingContribution) {
		if err != nil {
			t.Fatal(err)
		}
		c, err := metrics.DecodeContribution(chunk, metrics.Query{Slots: true, Subjects: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.store.Record(t.Context(), id, c); err != nil {
			t.Fatal(err)
		}
	}
}

// counts returns the metrics as "day type count" lines.
func (r *rig) counts(t *testing.T) []string {
	t.Helper()
	buckets, err := r.Series(t.Context(), metrics.Series{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, b := range buckets {
		lines = append(lines, fmt.Sprintf("%s %s %d", b.Start.Format(time.DateOnly), b.Type, b.Count))
	}
	return lines
}
