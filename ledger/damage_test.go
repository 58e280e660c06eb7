package ledger_test

import (
	"context"
	"errors"
	"iter"
	"strings"
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

// damaged returns wrong events in silence, as a store does whose description of
// a batch is damaged.
type damaged struct {
	*memstore.Store
	events func(all []metrics.Event) []metrics.Event
}

func (s *damaged) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	if s.events == nil {
		return s.Store.Events(ctx, id)
	}
	return func(yield func(metrics.Event, error) bool) {
		var all []metrics.Event
		for e, err := range s.Store.Events(ctx, id) {
			if err != nil {
				yield(e, err)
				return
			}
			all = append(all, e)
		}
		for _, e := range s.events(all) {
			if !yield(e, nil) {
				return
			}
		}
	}
}

const twoEvents = "candidate_id,test_id,event_type,timestamp\n" +
	"C1,T1,started,2025-11-08T09:00:00Z\n" +
	"C2,T1,started,2025-11-08T10:00:00Z\n"

// uploaded stores a file, an hour ago, and returns the id of its batch.
func uploaded(t *testing.T, st store.Store, opts *upload.Options) string {
	t.Helper()
	old := upload.Options{}
	if opts != nil {
		old = *opts
	}
	old.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	receipt, err := upload.New(st, &old).Upload(t.Context(), upload.File{Body: strings.NewReader(twoEvents), AllowDuplicate: true})
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Batch.ID
}

// completed stores and records a file, and returns the id of its batch.
func completed(t *testing.T, st store.Store, opts *upload.Options) string {
	t.Helper()
	id := uploaded(t, st, opts)
	pending, err := st.Pending(t.Context(), id)
	if err == nil {
		err = st.Record(t.Context(), id, pending)
	}
	if err == nil {
		err = st.SetStatus(t.Context(), id, store.Statuses(), store.Completed, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// entry returns what the ledger has of a batch.
func entry(t *testing.T, st store.Auditor, id string) metrics.Contribution {
	t.Helper()
	c, err := st.Contribution(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNothingIsComputedFromEventsThatCannotBeReadWhole(t *testing.T) {
	for name, events := range map[string]func([]metrics.Event) []metrics.Event{
		"none":     func([]metrics.Event) []metrics.Event { return nil },
		"too few":  func(all []metrics.Event) []metrics.Event { return all[1:] },
		"too many": func(all []metrics.Event) []metrics.Event { return append(all, all...) },
	} {
		t.Run(name, func(t *testing.T) {
			st := &damaged{Store: memstore.New()}
			id := completed(t, st, nil)
			waiting := uploaded(t, st, nil)
			want := entry(t, st, id)
			st.events = events
			l := ledger.New(st, &ledger.Options{Sums: metrics.AggregatorOptions{Subject: "candidate_id"}})

			_, _, err := l.Recount(t.Context(), id)
			if _, ok := errors.AsType[*ledger.IncompleteError](err); !ok {
				t.Errorf("Recount: %v, want an *IncompleteError", err)
			}
			report, err := l.Reprocess(t.Context())
			if err != nil || report.Unreadable != 1 || report.Amended+report.Batches != 0 {
				t.Errorf("Reprocess: %+v, %v; want an unreadable batch", report, err)
			}
			if all, err := l.Audit(t.Context()); err != nil || len(all.Unreadable) != 1 || all.OK {
				t.Errorf("Audit: %+v, %v; want an unreadable batch", all, err)
			}
			if d := cmp.Diff(want, entry(t, st, id)); d != "" {
				t.Errorf("the ledger has changed: %s", d)
			}
			eraseAndRetain(t, st)
			if d := cmp.Diff(want, entry(t, st, id)); d != "" {
				t.Errorf("the ledger has changed: %s", d)
			}
			for _, id := range []string{id, waiting} {
				if b, err := st.Batch(t.Context(), id); err != nil || b.EventsPurged || b.Erased != 0 {
					t.Errorf("batch %s: %+v, %v", id, b, err)
				}
			}
		})
	}
}

// eraseAndRetain erases a subject and purges all events, both of which must
// fail.
func eraseAndRetain(t *testing.T, st store.Store) {
	t.Helper()
	svc := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{
		Subject: "candidate_id", Retention: eventmetrics.Retention{Events: 1},
	})
	receipt, err := svc.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.SubtractCounts})
	if err != nil || receipt.Unreadable != 2 || receipt.Complete() || receipt.Events != 0 {
		t.Errorf("Erase: %+v, %v; want two unreadable batches", receipt, err)
	}
	kept, err := svc.ApplyRetention(t.Context(), false)
	if err != nil || kept.Unreadable != 1 || kept.Purged != 0 {
		t.Errorf("ApplyRetention: %+v, %v; want an unreadable batch", kept, err)
	}
}

// lost has the sum of another upload as a pending contribution.
type lost struct {
	*memstore.Store
	pending metrics.Contribution
}

func (s *lost) Pending(context.Context, string) (metrics.Contribution, error) { return s.pending, nil }

func TestThePendingContributionOfAnotherUploadIsNotRecorded(t *testing.T) {
	st := &lost{Store: memstore.New()}
	id := uploaded(t, st, nil)
	want, _ := st.Store.Pending(t.Context(), id)
	st.pending = want[:0:0]
	for _, d := range metrics.Merge(want) {
		d.Count++
		st.pending = append(st.pending, d)
	}
	svc := eventmetrics.New(st, memqueue.New(nil), nil)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	if err := svc.Process(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.Wait(t.Context(), id); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := entry(t, st, id); got.Events() != want.Events() {
		t.Errorf("the ledger has %d events, want %d", got.Events(), want.Events())
	}
}

// away cannot read the events of any batch.
type away struct {
	*memstore.Store
	err error
}

func (s *away) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	if s.err == nil {
		return s.Store.Events(ctx, id)
	}
	return func(yield func(metrics.Event, error) bool) { yield(metrics.Event{}, s.err) }
}

func TestAStoreThatIsAwayIsNoUnreadableBatch(t *testing.T) {
	st := &away{Store: memstore.New()}
	completed(t, st, nil)
	st.err = store.ErrFull
	svc := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{
		Subject: "candidate_id", Retention: eventmetrics.Retention{Events: 1},
	})
	report, err := svc.Reprocess(t.Context())
	if !errors.Is(err, store.ErrFull) || report.Unreadable != 0 {
		t.Errorf("Reprocess: %+v, %v; want ErrFull", report, err)
	}
	all, err := svc.Audit(t.Context())
	if !errors.Is(err, store.ErrFull) || len(all.Unreadable) != 0 {
		t.Errorf("Audit: %+v, %v; want ErrFull", all, err)
	}
	receipt, err := svc.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.SubtractCounts})
	if !errors.Is(err, store.ErrFull) || receipt.Unreadable != 0 {
		t.Errorf("Erase: %+v, %v; want ErrFull", receipt, err)
	}
	kept, err := svc.ApplyRetention(t.Context(), false)
	if !errors.Is(err, store.ErrFull) || kept.Unreadable != 0 {
		t.Errorf("ApplyRetention: %+v, %v; want ErrFull", kept, err)
	}
}
