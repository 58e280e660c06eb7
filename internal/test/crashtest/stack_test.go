package crashtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/test/site"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// stack is a Service on a store and a queue.
type stack struct {
	*eventmetrics.Service
	place
	store  site.Store
	queue  queue.Queue
	ledger *ledger // nil but on MongoDB
	close  func() error
}

// serve makes the Service. Nil options are those under which only Reconcile
// happens by itself.
func (s *stack) serve(o *eventmetrics.Options) {
	if o == nil {
		o = &eventmetrics.Options{
			ReconcileEvery: 20 * time.Millisecond,
			CleanupEvery:   -1,
			ReprocessEvery: -1,
			CleanupTTL:     time.Nanosecond,
			Dimensions:     []string{"test_id"},
			RetainEvery:    -1,
			Retention:      eventmetrics.Retention{Rejected: time.Nanosecond, Batches: time.Nanosecond},
		}
	}
	s.Service = eventmetrics.New(s.store, s.queue, o)
}

func (s *stack) mustClose(t *testing.T) {
	t.Helper()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

// working runs the workers during f.
func (s *stack) working(ctx context.Context, f func() error) error {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	err := f()
	stop()
	return errors.Join(err, <-done)
}

// waitIdle lets the workers finish the jobs that a crash left queued.
func (s *stack) waitIdle(t *testing.T) {
	t.Helper()
	err := s.working(t.Context(), func() error {
		for _, b := range s.list(t) {
			if b.Status != store.Queued && b.Status != store.Processing {
				continue
			}
			if _, err := s.finish(t.Context(), b.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stack) list(t *testing.T) []store.Batch {
	t.Helper()
	batches, err := s.Batches(t.Context(), store.BatchQuery{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	return batches
}

// finish waits for a batch, within a bound.
func (s *stack) finish(ctx context.Context, id string) (store.Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return s.Wait(ctx, id)
}

// processNow queues a batch and waits for it.
func (s *stack) processNow(ctx context.Context, id string) error {
	return s.working(ctx, func() error {
		if err := s.Process(ctx, id); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
		b, err := s.finish(ctx, id)
		if err == nil && b.Status != store.Completed {
			return errors.New("batch is " + string(b.Status) + ": " + b.LastError)
		}
		return err
	})
}
