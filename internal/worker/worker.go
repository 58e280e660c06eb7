// Package worker processes batches and keeps batches and their jobs consistent.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Options configure a [Worker]; eventmetrics.Options documents them.
type Options struct {
	AfterCompleted func(ctx context.Context, b store.Batch)
	Memory         *budget.Budget // of uploads and jobs
	Logger         *slog.Logger
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	Now            func() time.Time
}

// Worker moves batches through their statuses. It is safe for concurrent use.
type Worker struct {
	store  store.Store
	queue  queue.Queue
	ledger *ledger.Ledger
	opts   Options
	logger *slog.Logger
	tel    instruments
}

// New returns a Worker that borrows its arguments. All options must be set but
// AfterCompleted and the providers.
func New(st store.Store, q queue.Queue, l *ledger.Ledger, o *Options) *Worker {
	return &Worker{store: st, queue: q, ledger: l, opts: *o, logger: telemetry.Logger(o.Logger), tel: newInstruments(o)}
}

func (w *Worker) now() time.Time { return w.opts.Now().UTC().Truncate(time.Millisecond) }

// KindProcess is the job that enters one batch into the ledger; its id is the
// batch's.
const KindProcess = "process"

func processJob(ctx context.Context, id string) queue.Job {
	return queue.Job{Kind: KindProcess, ID: id, Metadata: Metadata(ctx)}
}

// unfinished are the statuses from which a worker may move a batch.
var unfinished = []store.Status{store.Uploaded, store.Queued, store.Processing, store.Failed}

// Process queues an uploaded or failed batch. Concurrent calls give the batch
// one job; a failed batch gets its dead job back with all its attempts. Errors:
// store.ErrNotFound; store.ErrConflict if the batch is queued, processing or
// completed.
func (w *Worker) Process(ctx context.Context, id string) error {
	b, err := w.store.Batch(ctx, id)
	if err != nil {
		return err
	}
	switch b.Status {
	case store.Uploaded:
		err = w.queue.Enqueue(ctx, processJob(ctx, id))
	case store.Failed:
		err = w.revive(ctx, id)
	default:
		return store.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: enqueue batch %s: %w", id, err)
	}
	// The job is enqueued first. If the process is lost now, the job finds a
	// batch that is not marked; the other order would leave a batch without a
	// job.
	err = w.store.SetStatus(ctx, id, []store.Status{b.Status}, store.Queued, "")
	if errors.Is(err, store.ErrConflict) {
		return w.checkOvertaken(ctx, id, err)
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: mark batch %s queued: %w", id, err)
	}
	w.logger.InfoContext(ctx, "batch queued", "batch", id)
	return nil
}

// checkOvertaken returns nil if the own job started before the batch was marked
// queued, and the conflict if another call has queued the batch.
func (w *Worker) checkOvertaken(ctx context.Context, id string, conflict error) error {
	b, err := w.store.Batch(ctx, id)
	if err != nil {
		return err
	}
	if b.Status == store.Queued {
		return conflict
	}
	return nil
}

// revive gives a failed batch a job again. A worker marks its batch failed
// shortly before the queue makes the job a dead letter, so revive waits for
// that.
func (w *Worker) revive(ctx context.Context, id string) error {
	const timeout, pause = 2 * time.Second, 20 * time.Millisecond
	job := processJob(ctx, id)
	for start := time.Now(); ; {
		err := w.queue.Retry(ctx, job.Key())
		if errors.Is(err, queue.ErrNotFound) { // it was discarded
			return w.queue.Enqueue(ctx, job)
		}
		if !errors.Is(err, queue.ErrNotDead) {
			return err
		}
		if time.Since(start) > timeout { // another call has retried it
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Wait blocks until a batch is completed or failed, or ctx ends. It returns the
// batch as it was last read, with ctx's error in the latter case; a zero Batch if
// it was never read. Errors: store.ErrNotFound.
func (w *Worker) Wait(ctx context.Context, id string) (last store.Batch, _ error) {
	for start := time.Now(); ; {
		b, err := w.store.Batch(ctx, id)
		if err != nil {
			return last, err
		}
		if last = b; b.Status == store.Completed || b.Status == store.Failed {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		// At most an eighth too late, with few queries in all.
		case <-time.After(min(max(time.Since(start)/8, 2*time.Millisecond), 250*time.Millisecond)):
		}
	}
}

// ignore returns err unless it is one of those.
func ignore(err error, those ...error) error {
	for _, target := range those {
		if errors.Is(err, target) {
			return nil
		}
	}
	return err
}
