package crashtest_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// counts are events by day and type.
type counts map[eventgen.Cell]int64

// file is a generated file and its recount, made without the library.
type file struct {
	content []byte
	events  int64
	failed  int64
	counts  counts
}

// samples caches the files of the first seeds, which no test changes.
var samples sync.Map

// sample makes a file of three days and types.
func sample(seed uint64, rows int64) *file {
	key := [2]uint64{seed, uint64(rows)}
	if f, ok := samples.Load(key); ok {
		return f.(*file)
	}
	f := makeSample(seed, rows)
	if seed < 8 {
		samples.Store(key, f)
	}
	return f
}

func makeSample(seed uint64, rows int64) *file {
	var b bytes.Buffer
	oracle, err := eventgen.Write(&b, &eventgen.Options{
		Seed: seed, Rows: rows, Days: 3, Types: []string{"started", "done", "a.b"}, Broken: 0.003,
	})
	if err != nil {
		panic(err) // memory takes every write
	}
	return &file{content: b.Bytes(), events: oracle.Accepted(), failed: oracle.Broken, counts: oracle.Counts}
}

// sum adds the recounts of files.
func sum(files ...*file) counts {
	all := counts{}
	for _, f := range files {
		for cell, n := range f.counts {
			all[cell] += n
		}
	}
	return all
}

// upload uploads a file that counts once because of its key alone: the content
// of an upload that was killed is in flight for some seconds.
func (s *stack) upload(ctx context.Context, f *file, key string) (string, error) {
	receipt, err := s.Upload(ctx, eventmetrics.File{
		Name: "events.csv", Body: bytes.NewReader(f.content), IdempotencyKey: key, AllowDuplicate: true,
	})
	return receipt.Batch.ID, err
}

func (s *stack) mustUpload(t *testing.T, f *file, key string) string {
	t.Helper()
	id, err := s.upload(t.Context(), f, key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// check compares the metrics with a recount, and those by dimension with them.
func (s *stack) check(t *testing.T, want counts) {
	t.Helper()
	if d := cmp.Diff(want, s.measure(t)); d != "" {
		t.Errorf("metrics differ from the recount (-want +got):\n%s", d)
	}
	a, err := s.Query(t.Context(), series.Query{GroupBy: []string{"test_id"}})
	if err != nil {
		t.Fatal(err)
	}
	groups := counts{}
	for _, b := range a.Buckets {
		groups[eventgen.Cell{Day: metrics.DayOf(b.Start), Type: b.Type}] += b.Count
	}
	if d := cmp.Diff(want, groups); d != "" || a.Unattributed > 0 {
		t.Errorf("%d events are in no group; the groups differ from the recount (-want +got):\n%s", a.Unattributed, d)
	}
}

func (s *stack) measure(t *testing.T) counts {
	t.Helper()
	result, err := s.Query(t.Context(), series.Query{})
	if err != nil {
		t.Fatal(err)
	}
	got := counts{}
	for _, b := range result.Buckets {
		got[eventgen.Cell{Day: metrics.DayOf(b.Start), Type: b.Type}] = b.Count
	}
	return got
}

// checkEvents reads a batch's events again and compares them with a recount.
func (s *stack) checkEvents(t *testing.T, id string, f *file) {
	t.Helper()
	got := counts{}
	for e, err := range s.store.Events(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		got[eventgen.Cell{Day: metrics.DayOf(e.Time), Type: e.Type}]++
	}
	if d := cmp.Diff(sum(f), got); d != "" {
		t.Errorf("events differ from the recount (-want +got):\n%s", d)
	}
	b, err := s.Batch(t.Context(), id)
	if err != nil || b.AcceptedRows != f.events || b.RejectedRows != f.failed {
		t.Errorf("batch has %d events, %d failed, %v; want %d, %d", b.AcceptedRows, b.RejectedRows, err, f.events, f.failed)
	}
}

// checkNothingLeft checks that the ledger agrees with the events and that
// cleanup finds no remainder any more.
func (s *stack) checkNothingLeft(t *testing.T) {
	t.Helper()
	report, err := s.Reprocess(t.Context())
	if err != nil || report.Drifted > 0 {
		t.Errorf("the ledger drifted: %+v, %v", report, err)
	}
	if _, err := s.Cleanup(t.Context(), false); err != nil {
		t.Error(err)
	}
	if pruned, err := s.Cleanup(t.Context(), true); err != nil || pruned.Unfinished > 0 {
		t.Errorf("remainders after cleanup: %+v, %v", pruned, err)
	}
	if s.ledger != nil {
		s.ledger.check(t)
	}
}
