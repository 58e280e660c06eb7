package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// maxLastError is the length to which Batch.LastError is cut.
const maxLastError = 500

// Reconcile repairs the effects of a crash between two steps: it marks the
// batches of dead jobs failed, discards the dead jobs of completed and deleted
// batches, and enqueues the jobs of batches that are queued or processing. It is safe to
// repeat at any time, because the queue admits one job for a batch. It compares
// no times, so that no batch waits for a clock that was set back.
func (w *Worker) Reconcile(ctx context.Context) error {
	if err := w.failDead(ctx); err != nil {
		return err
	}
	return w.enqueueLost(ctx)
}

// failDead marks the batches of dead jobs failed. A job whose batch is completed
// has done its work, and lost its last attempt when its process was killed
// before the queue knew.
func (w *Worker) failDead(ctx context.Context) error {
	for job, err := range queue.AllDead(ctx, w.queue) {
		if err != nil {
			return fmt.Errorf("eventmetrics: %w", err)
		}
		if err := w.failBatchOf(ctx, job); err != nil {
			return err
		}
		if err := w.discardDone(ctx, job); err != nil {
			return err
		}
	}
	return nil
}

// discardDone discards a dead job if its batch is completed or deleted.
func (w *Worker) discardDone(ctx context.Context, job *queue.DeadJob) error {
	if job.Kind != KindProcess {
		return nil
	}
	b, err := w.store.Batch(ctx, job.ID)
	switch {
	case errors.Is(err, metrics.ErrCorrupt):
		return nil // its dead letter stays, and says why
	case errors.Is(err, store.ErrNotFound):
		return w.discardJobOf(ctx, job.ID, "batch deleted")
	case err != nil:
		return fmt.Errorf("eventmetrics: batch of dead job %s: %w", job.ID, err)
	case b.Status == store.Completed:
		return w.discardJobOf(ctx, job.ID, "batch is completed")
	}
	return nil
}

// failBatchOf marks the batch of a dead job failed, if the job has one.
func (w *Worker) failBatchOf(ctx context.Context, job *queue.DeadJob) error {
	if job.Kind != KindProcess {
		return nil
	}
	alive := []store.Status{store.Uploaded, store.Queued, store.Processing}
	err := w.store.SetStatus(ctx, job.ID, alive, store.Failed, clip.Text(job.Err, maxLastError))
	if err := ignore(err, store.ErrConflict, store.ErrNotFound, metrics.ErrCorrupt); err != nil {
		return fmt.Errorf("eventmetrics: mark batch %s failed: %w", job.ID, err)
	}
	return nil
}

// enqueueLost enqueues the jobs of batches that should have one.
func (w *Worker) enqueueLost(ctx context.Context) error {
	q := store.BatchQuery{Statuses: []store.Status{store.Queued, store.Processing}}
	var jobs []queue.Job
	for b, err := range store.All(ctx, w.store, q) {
		if err != nil {
			return fmt.Errorf("eventmetrics: list unfinished batches: %w", err)
		}
		jobs = append(jobs, processJob(ctx, b.ID))
		if len(jobs) < store.MaxLimit {
			continue
		}
		if err := w.enqueue(ctx, jobs); err != nil {
			return err
		}
		jobs = nil
	}
	return w.enqueue(ctx, jobs)
}

func (w *Worker) enqueue(ctx context.Context, jobs []queue.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	if err := w.queue.Enqueue(ctx, jobs...); err != nil {
		return fmt.Errorf("eventmetrics: enqueue unfinished batches: %w", err)
	}
	return nil
}
