package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/worker"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// slow answers the first looks at a batch; then the context ends during one.
type slow struct {
	*memstore.Store
	looks  int
	cancel func()
}

func (s *slow) Batch(ctx context.Context, id string) (store.Batch, error) {
	if s.looks--; s.looks < 0 {
		s.cancel()
		return store.Batch{}, ctx.Err()
	}
	return s.Store.Batch(ctx, id)
}

func TestWaitReturnsTheBatchThatItKnows(t *testing.T) {
	for _, looks := range []int{0, 1, 3} {
		ctx, cancel := context.WithCancel(t.Context())
		st := &slow{memstore.New(), looks, cancel}
		w, err := st.Begin(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Commit(ctx, store.Batch{ID: "a", FileName: "f"}, nil); err != nil {
			t.Fatal(err)
		}
		work := worker.New(st, memqueue.New(nil), ledger.New(st, nil), &worker.Options{Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		b, err := work.Wait(ctx, "a")
		if known := b.FileName == "f"; !errors.Is(err, context.Canceled) || known != (looks > 0) {
			t.Errorf("%d looks: got %+v, %v; want the batch and the error of ctx", looks, b, err)
		}
	}
}

// damagedStore cannot read what it has of a batch.
type damagedStore struct{ *memstore.Store }

func (s damagedStore) Batch(ctx context.Context, id string) (store.Batch, error) {
	b, err := s.Store.Batch(ctx, id)
	if err == nil {
		b, err = store.Batch{}, metrics.ErrCorrupt
	}
	return b, err
}

func TestADamagedBatchCanBeDeleted(t *testing.T) {
	st := damagedStore{memstore.New()}
	w, err := st.Begin(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
	work := worker.New(st, memqueue.New(nil), ledger.New(st, nil), &worker.Options{Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err := work.DeleteBatch(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	if _, err := st.Batch(t.Context(), "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the deleted batch is read with %v, want ErrNotFound", err)
	}
}

// A damaged batch must not keep Reconcile from the others.
func TestReconcilePassesADamagedBatch(t *testing.T) {
	st, q := damagedStore{memstore.New()}, memqueue.New(nil)
	w, err := st.Begin(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
	work := worker.New(st, q, ledger.New(st, nil), &worker.Options{Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err := q.Enqueue(t.Context(), queue.Job{Kind: worker.KindProcess, ID: "b"}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	if err := q.Consume(ctx, func(context.Context, queue.Job) error {
		defer stop()
		return queue.Permanent(metrics.ErrCorrupt)
	}); err != nil {
		t.Fatal(err)
	}
	if err := work.Reconcile(t.Context()); err != nil {
		t.Error(err)
	}
	if s, err := q.Stats(t.Context()); err != nil || s.Dead != 1 {
		t.Errorf("%+v, %v; want the dead letter, which says what is damaged", s, err)
	}
}
