package eventmetrics_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
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
	store store.Store
	queue queue.Queue
}

// newRig returns a Service on memory whose jobs are tried again at once. Its
// workers run until the test ends, if work is true.
func newRig(t *testing.T, st store.Store, work bool) *rig {
	if st == nil {
		st = memstore.New()
	}
	q := memqueue.New(&memqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	r := &rig{eventmetrics.New(st, q, &eventmetrics.Options{ReconcileEvery: 20 * time.Millisecond}), st, q}
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
	receipt, err := r.Upload(t.Context(), eventmetrics.File{Name: "events.csv", Body: strings.NewReader(content), AllowDuplicate: true})
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
		t.Fatalf("batch is %s (%s): %v", b.Status, b.LastError, err)
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
	if err := r.record(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) record(ctx context.Context, id string) error {
	c, err := r.store.Pending(ctx, id)
	if err != nil || len(c) == 0 { // it has been recorded
		return err
	}
	return r.store.Record(ctx, id, c)
}

// counts returns the metrics as "day type count" lines.
func (r *rig) counts(t *testing.T) []string {
	t.Helper()
	lines, err := r.lines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func (r *rig) lines(ctx context.Context) ([]string, error) {
	result, err := r.Query(ctx, series.Query{})
	var lines []string
	for _, b := range result.Buckets {
		lines = append(lines, fmt.Sprintf("%s %s %d", b.Start.Format(time.DateOnly), b.Type, b.Count))
	}
	return lines, err
}

// empty deletes all batches.
func (r *rig) empty(t *testing.T) {
	t.Helper()
	batches, err := r.Batches(t.Context(), store.BatchQuery{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	for i := range batches {
		if err := r.DeleteBatch(t.Context(), batches[i].ID); err != nil {
			t.Fatal(err)
		}
	}
}
