package eventmetrics_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// newQuiet returns a rig that processes, and does nothing else by itself.
func newQuiet(t *testing.T, st store.Store) *rig {
	t.Helper()
	memory := memstore.New()
	if st == nil {
		st = memory
	}
	q := memqueue.New(nil)
	r := &rig{eventmetrics.New(st, q, &eventmetrics.Options{AuditEvery: -1, ReprocessEvery: -1, CleanupEvery: -1, ReconcileEvery: -1}), memory, q}
	r.start(t)
	return r
}

func (r *rig) audited(t *testing.T) eventmetrics.Integrity {
	t.Helper()
	all, err := r.Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAuditsRaiseNoFalseAlarm(t *testing.T) {
	audittest.Beside(t, memstore.New(), 40)
}

func TestAPassFindsAnEntryThatWasTamperedWith(t *testing.T) {
	const batches = 130
	r := newQuiet(t, nil)
	var ids []string
	for range batches {
		b := r.upload(t, day(1))
		r.process(t, b.ID)
		ids = append(ids, b.ID)
	}
	if all := r.Integrity(); !all.OK || all.Rounds != 0 || !all.LedgerChecked {
		t.Errorf("before the first round: %+v", all)
	}
	for all := r.audited(t); all.Batches.Complete == 0; all = r.audited(t) {
		if !all.OK || all.Last.Batches > 100 || all.Batches.Seen > batches || all.Rounds > 5 {
			t.Fatalf("a round of a sound store: %+v", all)
		}
	}
	if all := r.Integrity(); all.Batches.Saw != batches || all.Batches.Seen != 0 || all.Batches.Ended.Before(all.Total.Started) {
		t.Errorf("after a pass: %+v", all.Batches)
	}
	tampered := []string{ids[0], ids[batches/2], ids[batches-1]}
	for _, id := range tampered {
		tamper(t, r.store, id, contributionOf(t, "C0 started 2025-11-08T19:00:00Z"))
	}
	for range 3 {
		r.audited(t)
	}
	var found []string
	all := r.Integrity()
	for _, d := range all.Drifts {
		found = append(found, d.BatchID)
		if d.Cause != "different_times" || len(d.Cells) != 1 {
			t.Errorf("%+v", d)
		}
	}
	if d := cmp.Diff(tampered, found); d != "" || all.OK {
		t.Fatalf("ok %t, %s", all.OK, d)
	}
	if report, err := r.Reprocess(t.Context()); err != nil || report.Amended != 3 {
		t.Fatalf("%+v, %v", report, err)
	}
	if all := r.audited(t); !all.OK {
		t.Errorf("a round after the repair: %+v", all)
	}
}

func TestAuditForgetsWhatIsDeleted(t *testing.T) {
	r := newQuiet(t, nil)
	id := r.upload(t, day(2)).ID
	r.process(t, id)
	tamper(t, r.store, id, nil)
	if all := r.audited(t); all.OK {
		t.Fatal("nothing was found")
	}
	if err := r.DeleteBatch(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if all := r.audited(t); !all.OK {
		t.Errorf("%+v", all)
	}
}

func TestAuditOfSealedBatches(t *testing.T) {
	r := newQuiet(t, nil)
	var ids []string
	for range 2 {
		id := r.upload(t, day(3)).ID
		r.process(t, id)
		sealer, ok := store.As[store.Retainer](r.store)
		if !ok {
			t.Fatal("the store is no Retainer")
		}
		if err := sealer.PurgeEvents(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if all := r.audited(t); !all.OK || all.Last.Purged != 2 || all.Last.Events != 0 {
		t.Errorf("%+v", all)
	}
	tamper(t, r.store, ids[1], contributionOf(t, "C0 started 2025-11-08"))
	want := []eventmetrics.Drift{{BatchID: ids[1], Ledger: 1, Events: 3, Cause: "different_count"}}
	if d := cmp.Diff(want, r.audited(t).Drifts); d != "" {
		t.Error(d)
	}
}

// spoilt is a store of which some answers are others.
type spoilt struct {
	*memstore.Store
	events       func(id string) error
	contribution func(id string)
	daily        func(q metrics.Filter, all metrics.Contribution) metrics.Contribution
}

func (s *spoilt) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	if s.events == nil || s.events(id) == nil {
		return s.Store.Events(ctx, id)
	}
	return func(yield func(metrics.Event, error) bool) { yield(metrics.Event{}, s.events(id)) }
}

func (s *spoilt) Contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	if s.contribution != nil {
		s.contribution(id)
	}
	return s.Store.Contribution(ctx, id)
}

func (s *spoilt) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	if s.daily == nil {
		return s.Store.DayCounts(ctx, q)
	}
	return func(yield func(metrics.DayCount, error) bool) {
		var all metrics.Contribution
		for d := range s.Store.DayCounts(ctx, q) {
			all = append(all, d)
		}
		for _, d := range s.daily(q, all) {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func TestBatchThatCannotBeReadIsAFinding(t *testing.T) {
	st := &spoilt{Store: memstore.New()}
	r := newQuiet(t, st)
	id := r.upload(t, day(1)).ID
	r.process(t, id)
	st.events = func(string) error { return errors.New("a broken block") }
	all := r.audited(t)
	if len(all.Unreadable) != 1 || all.Unreadable[0].BatchID != id || all.OK {
		t.Fatalf("%+v", all)
	}
	st.events = nil
	if all := r.audited(t); !all.OK {
		t.Errorf("%+v", all)
	}
	st.events = func(string) error { return store.ErrUnavailable }
	if all, err := r.Audit(t.Context()); !errors.Is(err, store.ErrUnavailable) || !all.OK || all.Rounds != 2 {
		t.Errorf("while the store is unavailable: %v, %+v", err, all)
	}
}

func TestBatchThatChangesMeanwhileIsNoFinding(t *testing.T) {
	for name, change := range map[string]func(ctx context.Context, st *memstore.Store, id string) error{
		"deleted": func(ctx context.Context, st *memstore.Store, id string) error { return st.DeleteBatch(ctx, id) },
		"sealed":  func(ctx context.Context, st *memstore.Store, id string) error { return st.PurgeEvents(ctx, id) },
	} {
		t.Run(name, func(t *testing.T) {
			st := &spoilt{Store: memstore.New()}
			r := newQuiet(t, st)
			id := r.upload(t, day(2)).ID
			r.process(t, id)
			if name == "deleted" {
				tamper(t, st.Store, id, nil)
			}
			st.contribution = func(id string) {
				if err := change(context.Background(), st.Store, id); err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Error(err)
				}
			}
			if all := r.audited(t); !all.OK || all.Last.Batches != 1 {
				t.Errorf("%+v", all)
			}
		})
	}
	t.Run("put right", func(t *testing.T) {
		st := &spoilt{Store: memstore.New()}
		r := newQuiet(t, st)
		id := r.upload(t, day(2)).ID
		r.process(t, id)
		right := ledgerOf(t, st.Store, id)
		tamper(t, st.Store, id, nil)
		looks := 0
		st.contribution = func(id string) {
			if looks++; looks == 2 {
				tamper(t, st.Store, id, right)
			}
		}
		if all := r.audited(t); !all.OK || looks < 2 {
			t.Errorf("%d looks, %+v", looks, all)
		}
	})
}

func TestWrongSumsCountOnlyIfTheyStay(t *testing.T) {
	more := func(all metrics.Contribution, n int64) metrics.Contribution {
		for i := range all {
			all[i].Count += n
		}
		return all
	}
	for _, tc := range []struct {
		name  string
		spoil func(look int64, q metrics.Filter, all metrics.Contribution) metrics.Contribution
		wrong bool
	}{
		{"always", func(_ int64, q metrics.Filter, all metrics.Contribution) metrics.Contribution {
			if !q.Ledger {
				return more(all, 1)
			}
			return all
		}, true},
		{"only the counts that are asked for alone", func(_ int64, q metrics.Filter, all metrics.Contribution) metrics.Contribution {
			if !q.Ledger && !q.Slots {
				return more(all, 1)
			}
			return all
		}, true},
		{"another each time", func(look int64, q metrics.Filter, all metrics.Contribution) metrics.Contribution {
			if !q.Ledger {
				return more(all, look)
			}
			return all
		}, false},
		{"while the ledger changes", func(look int64, q metrics.Filter, all metrics.Contribution) metrics.Contribution {
			if !q.Ledger {
				return more(all, 1_000)
			}
			return more(all, look)
		}, false},
		{"at first", func(look int64, q metrics.Filter, all metrics.Contribution) metrics.Contribution {
			if !q.Ledger && look < 10 {
				return more(all, 1)
			}
			return all
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := &spoilt{Store: memstore.New()}
			r := newQuiet(t, st)
			r.process(t, r.upload(t, day(2)).ID)
			var look int64
			st.daily = func(q metrics.Filter, all metrics.Contribution) metrics.Contribution {
				if look++; look <= 2 { // to find the day
					return all
				}
				return tc.spoil(look, q, all)
			}
			all := r.audited(t)
			if got := len(all.WrongDays) == 1; got != tc.wrong || all.OK == tc.wrong {
				t.Errorf("%+v", all)
			}
		})
	}
}

func TestAuditSaysWhatItCannotCheck(t *testing.T) {
	bare := struct{ store.Store }{memstore.New()}
	r := newQuiet(t, bare)
	r.process(t, r.upload(t, day(2)).ID)
	all := r.audited(t)
	if all.LedgerChecked || !all.OK || all.Last.Batches != 0 || all.Last.Days != 1 {
		t.Errorf("%+v", all)
	}
}

func TestRunMakesRounds(t *testing.T) {
	r := rig{store: memstore.New(), queue: memqueue.New(nil)}
	r.Service = eventmetrics.New(r.store, r.queue, &eventmetrics.Options{AuditEvery: time.Millisecond})
	r.start(t)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); r.Integrity().Rounds < 3; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", r.Integrity())
		}
	}
}

func TestRoundIsOneAtATime(t *testing.T) {
	st := &spoilt{Store: memstore.New()}
	r := newQuiet(t, st)
	r.process(t, r.upload(t, day(2)).ID)
	inside, let := make(chan struct{}), make(chan struct{})
	var first sync.Once
	st.events = func(string) error {
		first.Do(func() { close(inside) })
		<-let
		return store.ErrUnavailable
	}
	done := make(chan error, 1)
	go func() {
		_, err := r.Audit(t.Context())
		done <- err
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Audit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a second round: %v", err)
	}
	close(let)
	if err := <-done; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the first round: %v", err)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	r := newQuiet(t, nil)
	for range 130 {
		id := r.upload(t, day(1)).ID
		r.process(t, id)
		tamper(t, r.store, id, nil)
	}
	for range 6 {
		r.audited(t)
	}
	all := r.Integrity()
	if len(all.Drifts) != 100 || !all.Truncated || all.OK {
		t.Fatalf("%d drifts, truncated %t", len(all.Drifts), all.Truncated)
	}
	if !slices.IsSortedFunc(all.Drifts, func(a, b eventmetrics.Drift) int { return strings.Compare(a.BatchID, b.BatchID) }) {
		t.Error("they are not in order")
	}
	if _, err := r.Reprocess(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := 0; !r.audited(t).OK; n++ {
		if n > 10 {
			t.Fatalf("%d drifts are left", len(r.Integrity().Drifts))
		}
	}
}
