package eventmetrics_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// clock is a time that tests move on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newOldRig returns a rig with a clock that stands still at noon of the day of
// its events.
func newOldRig(t *testing.T, keep eventmetrics.Retention) (*rig, *clock) {
	t.Helper()
	c := &clock{now: time.Date(2025, 11, 8, 12, 0, 0, 0, time.UTC)}
	memory := memstore.New()
	q := memqueue.New(&memqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	s := eventmetrics.New(memory, q, &eventmetrics.Options{Retention: keep, Now: c.Now, CleanupEvery: -1, ReprocessEvery: -1, RetainEvery: -1})
	r := &rig{s, memory, q}
	r.start(t)
	return r, c
}

// retain checks that a dry run reports what happens, and that nothing is left to
// be done then.
func (r *rig) retain(t *testing.T, want eventmetrics.RetentionReport) {
	t.Helper()
	again := want
	again.Purged, again.Events, again.Cleared, again.Rows, again.Archived, again.Dead = 0, 0, 0, 0, 0, 0
	for _, run := range []struct {
		dry  bool
		want eventmetrics.RetentionReport
	}{{true, want}, {true, want}, {false, want}, {false, again}} {
		got, err := r.ApplyRetention(t.Context(), run.dry)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(run.want, got); d != "" {
			t.Errorf("dry run %v: %s", run.dry, d)
		}
	}
}

func (r *rig) eventsError(t *testing.T, id string) error {
	t.Helper()
	for _, err := range r.store.Events(t.Context(), id) {
		return err
	}
	return nil
}

func (r *rig) repair(t *testing.T, id string) (string, error) {
	t.Helper()
	var all strings.Builder
	for chunk, err := range r.RepairFile(t.Context(), id) {
		if err != nil {
			return all.String(), err
		}
		all.Write(chunk)
	}
	return all.String(), nil
}

const oneRejected = header + "C1,T1,started,2025-11-08T09:00:00Z\nC2,T1,started,never\n"

func TestRetentionPurgesEventsAndKeepsTheirCounts(t *testing.T) {
	r, c := newOldRig(t, eventmetrics.Retention{Events: 24 * time.Hour})
	old, waiting := r.upload(t, oneRejected), r.upload(t, day(5))
	r.process(t, old.ID)
	c.pass(24 * time.Hour)
	r.retain(t, eventmetrics.RetentionReport{})
	c.pass(time.Millisecond)
	young := r.upload(t, day(3))
	r.process(t, young.ID)
	r.retain(t, eventmetrics.RetentionReport{Purged: 1, Events: 1})
	if err := r.eventsError(t, old.ID); !errors.Is(err, store.ErrEventsPurged) {
		t.Errorf("events of the old batch: %v, want ErrPurged", err)
	}
	for _, id := range []string{young.ID, waiting.ID} {
		if err := r.eventsError(t, id); err != nil {
			t.Errorf("events of a batch that is young or not completed: %v", err)
		}
	}
	if text, err := r.repair(t, old.ID); err != nil || !strings.Contains(text, "never") {
		t.Errorf("rejected rows are kept: %q, %v", text, err)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 4"}, r.counts(t)); d != "" {
		t.Error(d)
	}
	report, err := r.Reprocess(t.Context())
	if err != nil || report.Purged != 1 || report.Drifted != 0 {
		t.Errorf("Reprocess afterwards: %+v, %v", report, err)
	}
}

func TestRetentionDoesNotPurgeTheEventsOfADriftedBatch(t *testing.T) {
	r, c := newOldRig(t, eventmetrics.Retention{Events: time.Hour, Batches: time.Hour})
	b := r.upload(t, day(3))
	r.process(t, b.ID)
	want := ledgerOf(t, r.store, b.ID)
	tamper(t, r.store, b.ID, metrics.Merge(want, want))
	c.pass(2 * time.Hour)
	got, err := r.ApplyRetention(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if got.Drifted != 1 || got.Purged != 0 || got.Archived != 0 || len(got.Drifts) != 1 || got.Drifts[0].BatchID != b.ID {
		t.Errorf("got %+v, want one batch drifted and kept", got)
	}
	if _, err := r.Reprocess(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.retain(t, eventmetrics.RetentionReport{Purged: 1, Events: 3, Archived: 1})
	if d := cmp.Diff([]string{"2025-11-08 started 3"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestRetentionRemovesRejectedRows(t *testing.T) {
	r, c := newOldRig(t, eventmetrics.Retention{Rejected: time.Hour})
	completed, uploaded, clean := r.upload(t, oneRejected), r.upload(t, oneRejected), r.upload(t, day(1))
	r.process(t, completed.ID)
	c.pass(2 * time.Hour)
	r.retain(t, eventmetrics.RetentionReport{Cleared: 2, Rows: 2})
	for _, id := range []string{completed.ID, uploaded.ID} {
		if text, err := r.repair(t, id); text != "" || !errors.Is(err, eventmetrics.ErrRowsPurged) {
			t.Errorf("repair file: %q, %v, want ErrRowsPurged", text, err)
		}
		if b, err := r.Batch(t.Context(), id); err != nil || b.RejectedRows != 1 {
			t.Errorf("the batch does not have its rejected row: %+v, %v", b, err)
		}
	}
	if text, err := r.repair(t, clean.ID); text != "" || err != nil {
		t.Errorf("repair file of a batch without rejected rows: %q, %v", text, err)
	}
	r.process(t, uploaded.ID)
	if d := cmp.Diff([]string{"2025-11-08 started 2"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestRetentionForgetsBatches(t *testing.T) {
	r, c := newOldRig(t, eventmetrics.Retention{Batches: time.Hour})
	b := r.upload(t, oneRejected)
	r.process(t, b.ID)
	c.pass(2 * time.Hour)
	r.retain(t, eventmetrics.RetentionReport{Purged: 1, Events: 1, Archived: 1})
	if _, err := r.Batch(t.Context(), b.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("forgotten batch: %v, want ErrNotFound", err)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 1"}, r.counts(t)); d != "" {
		t.Error(d)
	}
	if err := r.DeleteBatch(t.Context(), b.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("DeleteBatch of a forgotten batch: %v", err)
	}
	report, err := r.Reprocess(t.Context())
	if err != nil || report.Batches != 0 || report.Drifted != 0 {
		t.Errorf("Reprocess: %+v, %v", report, err)
	}
}

func TestRetentionDiscardsDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // for the clock of the queue
		q := memqueue.New(&memqueue.Options{Retry: queue.Retry{MaxAttempts: 1}})
		s := eventmetrics.New(memstore.New(), q, &eventmetrics.Options{
			Retention: eventmetrics.Retention{Dead: time.Hour}, RetainEvery: -1, ReconcileEvery: -1, CleanupEvery: -1, ReprocessEvery: -1,
		})
		r := &rig{Service: s, queue: q}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- q.Consume(ctx, func(context.Context, queue.Job) error { return errors.New("it broke") })
		}()
		b := r.upload(t, header+"C1,T1,started,1999-12-31T09:00:00Z\n")
		if err := r.Process(t.Context(), b.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		r.retain(t, eventmetrics.RetentionReport{})
		time.Sleep(time.Hour)
		r.retain(t, eventmetrics.RetentionReport{Dead: 1})
		after, err := r.Batch(t.Context(), b.ID)
		if err != nil || after.Status != store.Failed || after.LastError != "it broke" {
			t.Errorf("batch of the discarded job: %+v, %v", after, err)
		}
		if stats, err := q.Stats(t.Context()); err != nil || stats.Dead != 0 {
			t.Errorf("dead letters left: %+v, %v", stats, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestRetentionNeedsAStoreThatCan(t *testing.T) {
	plain := struct{ store.Store }{memstore.New()}
	for _, keep := range []eventmetrics.Retention{{Events: 1}, {Rejected: 1}, {Batches: 1}} {
		s := eventmetrics.New(plain, memqueue.New(nil), &eventmetrics.Options{Retention: keep})
		if _, err := s.ApplyRetention(t.Context(), true); !errors.Is(err, eventmetrics.ErrUnsupported) {
			t.Errorf("%+v: %v, want ErrUnsupported", keep, err)
		}
	}
	s := eventmetrics.New(plain, memqueue.New(nil), nil)
	if got, err := s.ApplyRetention(t.Context(), false); err != nil || !cmp.Equal(got, eventmetrics.RetentionReport{}) {
		t.Errorf("without periods: %+v, %v", got, err)
	}
}

func TestRetentionIsScheduled(t *testing.T) {
	r, c := newOldRig(t, eventmetrics.Retention{Events: time.Hour})
	b := r.upload(t, day(2))
	r.process(t, b.ID)
	c.pass(2 * time.Hour)
	s := eventmetrics.New(r.store, memqueue.New(nil), &eventmetrics.Options{Retention: eventmetrics.Retention{Events: time.Hour}, Now: c.Now})
	(&rig{s, r.store, nil}).start(t) // does the tick gone by at its start
	poll(t, func() []store.Batch {
		if b, err := r.Batch(t.Context(), b.ID); err != nil || !b.EventsPurged {
			return nil
		}
		return []store.Batch{b}
	})
}
