package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/upload"
)

// by returns options with a subject and dimensions.
func by(dimensions ...string) metrics.AggregatorOptions {
	return metrics.AggregatorOptions{Subject: "candidate_id", Dimensions: dimensions}
}

func TestTheDimensionsOfTheLedgerDecide(t *testing.T) {
	for name, erase := range map[string]func(t *testing.T, st store.Store, dimensions []string){
		"an erasure that subtracts": func(t *testing.T, st store.Store, dimensions []string) {
			erased(t, st, dimensions, eventmetrics.SubtractCounts)
		},
		"an erasure that keeps": func(t *testing.T, st store.Store, dimensions []string) {
			erased(t, st, dimensions, eventmetrics.KeepCounts)
		},
		"no erasure": func(*testing.T, store.Store, []string) {},
	} {
		for others, dimensions := range map[string][]string{"none": nil, "others": {"candidate_id"}} {
			t.Run(name+" of a process with "+others, func(t *testing.T) {
				st, model := memstore.New(), memstore.New()
				id := completed(t, st, &upload.Options{Sums: by("test_id")})
				same := completed(t, model, &upload.Options{Sums: by("test_id")})
				erase(t, st, dimensions)
				erase(t, model, []string{"test_id"})
				want := entry(t, model, same)
				if d := cmp.Diff(want, entry(t, st, id)); d != "" {
					t.Errorf("the breakdown has changed: %s", d)
				}
				if all, err := ledger.New(st, &ledger.Options{Sums: by(dimensions...)}).Audit(t.Context()); err != nil || !all.OK {
					t.Errorf("an audit by it: %+v, %v", all, err)
				}
				if report, err := ledger.New(st, &ledger.Options{Sums: by()}).Reprocess(t.Context()); err != nil || report.Drifted+report.Filled != 0 {
					t.Errorf("a reprocess without dimensions: %+v, %v", report, err)
				}
				if d := cmp.Diff(want, entry(t, st, id)); d != "" {
					t.Errorf("the breakdown has changed: %s", d)
				}
				wantReport := ledger.Report{Batches: 1, Events: want.Events()}
				report, err := ledger.New(st, &ledger.Options{Sums: by("test_id")}).Reprocess(t.Context())
				if d := cmp.Diff(wantReport, report); d != "" || err != nil {
					t.Errorf("a reprocess with them: %v, %s", err, d)
				}
			})
		}
	}
}

func TestAnErasureBeforeTheBatchIsRecordedKeepsItsDimensions(t *testing.T) {
	for _, counts := range []eventmetrics.ErasedCounts{eventmetrics.SubtractCounts, eventmetrics.KeepCounts} {
		st := memstore.New()
		id := uploaded(t, st, &upload.Options{Sums: by("test_id")})
		erased(t, st, nil, counts)
		l := ledger.New(st, &ledger.Options{Sums: by()})
		pending, err := st.Pending(t.Context(), id)
		if err == nil {
			err = st.Record(t.Context(), id, pending)
		}
		if err != nil {
			t.Fatal(err)
		}
		sum, erasure, err := l.Recount(t.Context(), id)
		if err == nil {
			err = l.ReplaceEntry(t.Context(), st, id, sum, erasure)
		}
		if err != nil {
			t.Fatal(err)
		}
		c := entry(t, st, id)
		if d := cmp.Diff([]string{"test_id"}, c.Dimensions()); d != "" || c.Groups()[0].Count != c.Events() {
			t.Errorf("%s: %s; %+v", counts, d, c)
		}
	}
}

// What counts of erased events has the dimensions of its time for good, because
// there are no events to break down otherwise.
func TestAReprocessLeavesABatchWhoseEventsWereAllErased(t *testing.T) {
	st := memstore.New()
	id := completed(t, st, &upload.Options{Sums: by("test_id")})
	s := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{Dimensions: []string{"place"}})
	for _, subject := range []string{"C1", "C2"} {
		if r, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: subject, Counts: eventmetrics.KeepCounts}); err != nil || r.Events == 0 {
			t.Fatalf("erase %s: %+v, %v", subject, r, err)
		}
	}
	want := entry(t, st, id)
	report, err := s.Reprocess(t.Context())
	if d := cmp.Diff(ledger.Report{Batches: 1, Events: want.Events()}, report); d != "" || err != nil {
		t.Errorf("Reprocess: %v, %s", err, d)
	}
	if d := cmp.Diff(want, entry(t, st, id)); d != "" {
		t.Errorf("the breakdown has changed: %s", d)
	}
}

// erased erases candidate C1 as a process with these dimensions.
func erased(t *testing.T, st store.Store, dimensions []string, counts eventmetrics.ErasedCounts) {
	t.Helper()
	opts := &eventmetrics.Options{Subject: "candidate_id", Dimensions: dimensions}
	if len(dimensions) > 0 && dimensions[0] == "candidate_id" {
		opts.Dimensions = []string{"place"} // the subject cannot be a dimension
	}
	receipt, err := eventmetrics.New(st, memqueue.New(nil), opts).Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: counts})
	if err != nil || receipt.Events != 1 || !receipt.Complete() {
		t.Fatalf("%+v, %v", receipt, err)
	}
}

// between calls functions between the steps of an erasure.
type between struct {
	*memstore.Store
	erased, amend func()
	err           error // of Amend
}

func (s *between) Erase(ctx context.Context, id string, e store.Erasure) (int64, error) {
	n, err := s.Store.Erase(ctx, id, e)
	if f := s.erased; f != nil {
		s.erased = nil
		f()
	}
	return n, err
}

func (s *between) Amend(ctx context.Context, id string, c metrics.Contribution) error {
	if f := s.amend; f != nil {
		s.amend = nil
		f()
	}
	if s.err != nil {
		return s.err
	}
	return s.Store.Amend(ctx, id, c)
}

func TestAnErasureRaisesNoAlarm(t *testing.T) {
	audit := func(t *testing.T, st store.Store) {
		t.Helper()
		if all, err := ledger.New(st, &ledger.Options{Sums: by()}).Audit(t.Context()); err != nil || !all.OK {
			t.Errorf("Audit: %+v, %v", all, err)
		}
	}
	reprocess := func(t *testing.T, st store.Store) {
		t.Helper()
		report, err := ledger.New(st, &ledger.Options{Sums: by()}).Reprocess(t.Context())
		if err != nil || report.Drifted+report.Amended+report.Unreadable != 0 {
			t.Errorf("Reprocess: %+v, %v", report, err)
		}
	}
	for name, look := range map[string]func(*testing.T, store.Store){"audit": audit, "reprocess": reprocess} {
		t.Run(name+" after the events are erased", func(t *testing.T) {
			st := &between{Store: memstore.New()}
			completed(t, st, &upload.Options{Sums: by("test_id")})
			st.erased = func() { look(t, st) }
			erased(t, st, nil, eventmetrics.SubtractCounts)
			look(t, st)
		})
		t.Run(name+" before the ledger is corrected", func(t *testing.T) {
			st := &between{Store: memstore.New()}
			completed(t, st, &upload.Options{Sums: by("test_id")})
			st.amend = func() { look(t, st) }
			erased(t, st, nil, eventmetrics.SubtractCounts)
			look(t, st)
		})
	}
}

func TestAnErasureThatWasCutOffIsReportedLater(t *testing.T) {
	st := &between{Store: memstore.New(), err: errors.New("the process was lost")}
	id := completed(t, st, &upload.Options{Sums: by("test_id")})
	svc := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{Subject: "candidate_id"})
	if r, err := svc.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.SubtractCounts}); err != nil || r.Complete() {
		t.Fatalf("%+v, %v", r, err)
	}
	st.err = nil
	later := ledger.New(st, &ledger.Options{Sums: by(), Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	if all, err := later.Audit(t.Context()); err != nil || len(all.Drifts) != 1 || all.Drifts[0].BatchID != id {
		t.Errorf("two hours later: %+v, %v; want a drift", all, err)
	}
	b, _ := st.Batch(t.Context(), id)
	if _, err := later.DriftOf(t.Context(), st, &b); !errors.Is(err, ledger.ErrErasing) {
		t.Errorf("DriftOf: %v, want ErrErasing", err)
	}
	if report, err := later.Reprocess(t.Context()); err != nil || report.Drifted != 0 {
		t.Errorf("Reprocess: %+v, %v", report, err)
	}
	if all, err := later.Audit(t.Context()); err != nil || !all.OK {
		t.Errorf("after the reprocess: %+v, %v", all, err)
	}
	if drift, err := later.DriftOf(t.Context(), st, &b); err != nil || drift != nil {
		t.Errorf("DriftOf: %+v, %v", drift, err)
	}
	tampered := metrics.Merge(entry(t, st, id))
	tampered[0].Count++
	if err := st.Amend(t.Context(), id, tampered); err != nil {
		t.Fatal(err)
	}
	if report, err := later.Reprocess(t.Context()); err != nil || report.Drifted != 1 {
		t.Errorf("a drift that no erasure has made: %+v, %v", report, err)
	}
}
