package worker

import (
	"context"
	"fmt"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// maxCause is the length to which causes are cut: fit for a list.
const maxLastError = 500

// Reconcile brings batches and jobs together again after a crash between two
// steps: it marks the batches of dead jobs failed, and enqueues jobs for the
// batches that have waited or been processing for a while. It is safe to
// repeat, at any time: the queue admits no second job for a batch.
func (w *Worker) Reconcile(ctx context.Context) error {
	if err := w.failDead(ctx); err != nil {
		return err
	}
	return w.enqueueLost(ctx)
}

// failDead marks the batches of dead jobs failed.
func (w *Worker) failDead(ctx context.Context) error {
	for job, err := range queue.AllDead(ctx, w.queue) {
		if err != nil {
			return fmt.Errorf("eventmetrics: %w", err)
		}
		if err := w.failBatchOf(ctx, job); err != nil {
			return err
		}
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
	if err := ignore(err, store.ErrConflict, store.ErrNotFound); err != nil {
		return fmt.Errorf("eventmetrics: mark batch %s failed: %w", job.ID, err)
	}
	return nil
}

// enqueueLost enqueues the jobs of batches that should have one.
func (w *Worker) enqueueLost(ctx context.Context) error {
	q := store.BatchQuery{
		Statuses:      []store.Status{store.Queued, store.Processing},
		UpdatedBefore: w.now().Add(-w.opts.ReconcileEvery),
		Limit:         store.MaxLimit,
	}
	for {
		batches, err := w.store.Batches(ctx, q)
		if err != nil {
			return fmt.Errorf("eventmetrics: list unfinished batches: %w", err)
		}
		if len(batches) == 0 {
			return nil
		}
		jobs := make([]queue.Job, len(batches))
		for i := range batches {
			jobs[i] = processJob(ctx, batches[i].ID)
		}
		if err := w.queue.Enqueue(ctx, jobs...); err != nil {
			return fmt.Errorf("eventmetrics: enqueue unfinished batches: %w", err)
		}
		q.After = batches[len(batches)-1].ID
	}
}
