package eventmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func TestSecondFileOnADayAdds(t *testing.T) {
	r := newRig(t, nil, true)
	r.process(t, r.upload(t, day(3)).ID)
	r.process(t, r.upload(t, day(4)).ID)
	if d := cmp.Diff([]string{"2025-11-08 started 7"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestAHundredCallsToProcessMakeOneJob(t *testing.T) {
	r := newRig(t, nil, false)
	b := r.upload(t, day(5))
	var calls sync.WaitGroup
	for range 100 {
		calls.Go(func() {
			if err := r.Process(t.Context(), b.ID); err != nil && !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	stats, err := r.QueueStats(t.Context())
	if err != nil || stats.Waiting != 1 {
		t.Errorf("%d jobs waiting, %v; want 1", stats.Waiting, err)
	}
	r.start(t)
	r.finish(t, b.ID)
	if err := r.Process(t.Context(), b.ID); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Process of a completed batch: %v, want ErrConflict", err)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 5"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

// flaky is a store whose Record fails as long as it is told to.
type flaky struct {
	store.Store
	mu   sync.Mutex
	fail int   // times; below 0 always
	err  error // instead of errFlaky
}

var errFlaky = errors.New("database is unavailable")

func (f *flaky) Unwrap() store.Store { return f.Store }

func (f *flaky) Record(ctx context.Context, id string, c metrics.Contribution) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != 0 {
		f.fail--
		if f.err != nil {
			return f.err
		}
		return errFlaky
	}
	return f.Store.Record(ctx, id, c)
}

func (f *flaky) set(fail int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func TestBatchSurvivesTwoFailures(t *testing.T) {
	r := newRig(t, &flaky{Store: memstore.New(), fail: 2}, true)
	if b := r.process(t, r.upload(t, day(5)).ID); b.Status != store.Completed {
		t.Errorf("batch is %s: %s", b.Status, b.LastError)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 5"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

// pendingless is a store whose pending contributions are lost or damaged.
type pendingless struct {
	store.Store
	err error
}

func (p *pendingless) Pending(context.Context, string) (metrics.Contribution, error) {
	return nil, p.err
}

func TestABatchWithoutAPendingContributionIsRecounted(t *testing.T) {
	for name, err := range map[string]error{"lost": nil, "damaged": fmt.Errorf("pending: %w", metrics.ErrCorrupt)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, &pendingless{memstore.New(), err}, true)
			if b := r.process(t, r.upload(t, day(5)).ID); b.Status != store.Completed {
				t.Errorf("batch is %s: %s", b.Status, b.LastError)
			}
			if d := cmp.Diff([]string{"2025-11-08 started 5"}, r.counts(t)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAnOutageOfTheStoreCostsNoAttempt(t *testing.T) {
	st := &flaky{Store: memstore.New(), fail: 4, err: store.ErrUnavailable} // one more than there are attempts
	r := newRig(t, st, true)
	if b := r.process(t, r.upload(t, day(5)).ID); b.Status != store.Completed {
		t.Errorf("batch is %s: %s", b.Status, b.LastError)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 5"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestFailedBatchIsADeadLetterAndCanBeProcessedAgain(t *testing.T) {
	st := &flaky{Store: memstore.New(), fail: -1}
	r := newRig(t, st, true)
	b := r.process(t, r.upload(t, day(5)).ID)
	if b.Status != store.Failed || !strings.Contains(b.LastError, errFlaky.Error()) {
		t.Fatalf("batch is %s: %q, want failed with the cause", b.Status, b.LastError)
	}
	st.set(0)
	again := r.process(t, b.ID) // at once, whether the queue has buried the job yet or not
	if again.Status != store.Completed {
		t.Fatalf("batch is %s: %s", again.Status, again.LastError)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 5"}, r.counts(t)); d != "" {
		t.Error(d)
	}
	if dead, _ := r.DeadLetters(t.Context(), queue.DeadQuery{}); len(dead) > 0 {
		t.Errorf("dead letters are left: %v", dead)
	}
}

// poll waits until f returns something.
func poll[T any](t *testing.T, f func() []T) []T {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if got := f(); len(got) > 0 {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing came")
		}
		time.Sleep(time.Millisecond) // between looks at another goroutine's work
	}
}

func TestReconcileFindsWhatACrashLeft(t *testing.T) {
	r := newRig(t, nil, false)
	lost, interrupted := r.upload(t, day(1)), r.upload(t, day(2))
	for _, step := range []struct {
		id string
		to store.Status
	}{{lost.ID, store.Queued}, {interrupted.ID, store.Processing}} {
		if err := r.store.SetStatus(t.Context(), step.id, []store.Status{store.Uploaded}, step.to, ""); err != nil {
			t.Fatal(err)
		}
	}
	r.start(t)
	for _, b := range []store.Batch{lost, interrupted} {
		if b := r.finish(t, b.ID); b.Status != store.Completed {
			t.Errorf("batch is %s: %s", b.Status, b.LastError)
		}
	}
	if d := cmp.Diff([]string{"2025-11-08 started 3"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

// A queue may lose jobs, or a clock may be set back after a batch was queued.
func TestReconcileComparesNoTimes(t *testing.T) {
	st, q := memstore.New(), memqueue.New(nil)
	r := &rig{eventmetrics.New(st, q, &eventmetrics.Options{ReconcileEvery: time.Hour}), st, q}
	b := r.upload(t, day(1))
	if err := st.SetStatus(t.Context(), b.ID, []store.Status{store.Uploaded}, store.Queued, ""); err != nil {
		t.Fatal(err)
	}
	if err := r.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := r.QueueStats(t.Context()); err != nil || s.Waiting != 1 {
		t.Errorf("Stats is %+v, %v; want the job of the queued batch waiting", s, err)
	}
}

// A job is dead if its process was killed at each attempt before the queue knew
// that it was done.
func TestReconcileDiscardsTheDeadJobOfACompletedBatch(t *testing.T) {
	r := newRig(t, nil, false)
	done, failed := r.upload(t, day(3)), r.upload(t, day(4))
	for _, b := range []store.Batch{done, failed} {
		if err := r.Process(t.Context(), b.ID); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var calls atomic.Int64
	err := r.queue.Consume(ctx, func(context.Context, queue.Job) error {
		if calls.Add(1) == 2 {
			stop()
		}
		return queue.Permanent(errors.New("killed"))
	})
	if err == nil {
		err = r.store.SetStatus(t.Context(), done.ID, []store.Status{store.Queued}, store.Completed, "")
	}
	if err == nil {
		err = r.Reconcile(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	dead, err := r.queue.Dead(t.Context(), queue.DeadQuery{})
	if err != nil || len(dead) != 1 || dead[0].ID != failed.ID {
		t.Errorf("Dead is %+v, %v; want the job of batch %s alone: batch %s is completed", dead, err, failed.ID, done.ID)
	}
}

func TestDeletedBatchTakesItsShareAlong(t *testing.T) {
	r := newRig(t, nil, true)
	a, b := r.upload(t, day(3)), r.upload(t, day(4))
	r.process(t, a.ID)
	r.process(t, b.ID)
	if err := r.DeleteBatch(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 4"}, r.counts(t)); d != "" {
		t.Error(d)
	}
	if err := r.DeleteBatch(t.Context(), a.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("second delete: %v, want ErrNotFound", err)
	}
}

// A process may be lost after it has deleted a batch and before it has discarded
// its dead job.
func TestTheDeadJobOfADeletedBatchIsDiscarded(t *testing.T) {
	for name, call := range map[string]func(*rig, string) error{
		"the delete again": func(r *rig, id string) error {
			if err := r.DeleteBatch(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("%w; want ErrNotFound", err)
			}
			return nil
		},
		"reconcile": func(r *rig, _ string) error { return r.Reconcile(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil, false)
			b := r.dead(t)
			if err := r.store.DeleteBatch(t.Context(), b.ID); err != nil {
				t.Fatal(err)
			}
			if stats, err := r.QueueStats(t.Context()); err != nil || stats.Dead != 1 {
				t.Fatalf("%+v, %v; want a dead job", stats, err)
			}
			if err := call(r, b.ID); err != nil {
				t.Error(err)
			}
			if stats, err := r.QueueStats(t.Context()); err != nil || stats.Dead != 0 {
				t.Errorf("%+v, %v; want no dead job", stats, err)
			}
		})
	}
}

// fullQueue has no space to discard jobs.
type fullQueue struct {
	queue.Queue
	full bool
}

func (q *fullQueue) Discard(ctx context.Context, key, reason string) error {
	if q.full {
		return store.ErrFull
	}
	return q.Queue.Discard(ctx, key, reason)
}

// A delete that leaves the dead job says so, so that it is repeated.
func TestDeleteFailsIfTheDeadJobCannotBeDiscarded(t *testing.T) {
	st, q := memstore.New(), &fullQueue{Queue: memqueue.New(nil), full: true}
	r := &rig{Service: eventmetrics.New(st, q, nil), store: st, queue: q}
	b := r.dead(t)
	for range 2 {
		if err := r.DeleteBatch(t.Context(), b.ID); !errors.Is(err, store.ErrFull) {
			t.Errorf("while the queue is full: %v, want ErrFull", err)
		}
	}
	q.full = false
	if err := r.DeleteBatch(t.Context(), b.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("with room again: %v, want ErrNotFound", err)
	}
	if stats, err := r.QueueStats(t.Context()); err != nil || stats.Dead != 0 {
		t.Errorf("%+v, %v; want no dead job", stats, err)
	}
}

// dead uploads a batch whose job dies.
func (r *rig) dead(t *testing.T) store.Batch {
	t.Helper()
	b := r.upload(t, day(3))
	if err := r.Process(t.Context(), b.ID); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	if err := r.queue.Consume(ctx, func(context.Context, queue.Job) error {
		defer stop()
		return queue.Permanent(errors.New("disk on fire"))
	}); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReprocessRightsTheLedger(t *testing.T) {
	r := newRig(t, nil, true)
	b := r.upload(t, day(3))
	r.process(t, b.ID)
	report, err := r.Reprocess(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(eventmetrics.Report{Batches: 1, Events: 3}, report); d != "" {
		t.Errorf("a ledger that agrees: %s", d)
	}
	ledger, ok := store.As[store.Auditor](r.store)
	if !ok {
		t.Skip("the store cannot be made to drift")
	}
	if err := ledger.Amend(t.Context(), b.ID, nil); err != nil {
		t.Fatal(err)
	}
	report, err = r.Reprocess(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := eventmetrics.Report{
		Batches: 1, Events: 3, Drifted: 1, Amended: 1,
		Drifts: []eventmetrics.Drift{{
			BatchID: b.ID, Ledger: 0, Events: 3, Cause: "missing_in_ledger",
			Cells: []eventmetrics.CellDrift{{Day: metrics.DayOf(time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC)), Type: "started", Events: 3, Cause: "missing_in_ledger"}},
		}},
	}
	if d := cmp.Diff(want, report); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 3"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestCleanupKeepsQueuedBatches(t *testing.T) {
	memory := memstore.New()
	s := eventmetrics.New(memory, memqueue.New(nil), &eventmetrics.Options{CleanupTTL: time.Nanosecond})
	r := &rig{Service: s, store: memory}
	idle, queued := r.upload(t, day(3)), r.upload(t, day(4))
	if err := r.Process(t.Context(), queued.ID); err != nil {
		t.Fatal(err)
	}
	want := store.Pruned{Batches: 1, Events: 3}
	for _, dryRun := range []bool{true, false} {
		got := poll(t, func() []store.Pruned { // until the clock has moved on
			pruned, err := r.Cleanup(t.Context(), dryRun)
			if err != nil {
				t.Fatal(err)
			}
			if pruned == (store.Pruned{}) {
				return nil
			}
			return []store.Pruned{pruned}
		})
		if d := cmp.Diff(want, got[0]); d != "" {
			t.Errorf("dry run %v: %s", dryRun, d)
		}
	}
	if _, err := r.Batch(t.Context(), idle.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("idle batch: %v, want ErrNotFound", err)
	}
	if _, err := r.Batch(t.Context(), queued.ID); err != nil {
		t.Errorf("queued batch: %v", err)
	}
}
