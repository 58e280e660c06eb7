package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// RetryDead moves a job from the dead letters to the waiting jobs and marks its
// batch queued. Errors: queue.ErrNotFound, queue.ErrNotDead.
func (w *Worker) RetryDead(ctx context.Context, key string) error {
	job, err := queue.ParseKey(key)
	if err != nil {
		return queue.ErrNotFound
	}
	if err := w.queue.Retry(ctx, key); err != nil {
		return err
	}
	if job.Kind != KindProcess {
		return nil
	}
	err = w.store.SetStatus(ctx, job.ID, []store.Status{store.Failed}, store.Queued, "")
	return ignore(err, store.ErrConflict, store.ErrNotFound)
}

// RetryAllDead retries all dead letters and returns their number. A job that
// dies again meanwhile is not retried a second time.
func (w *Worker) RetryAllDead(ctx context.Context) (int64, error) {
	var retried int64
	for job, err := range queue.AllDead(ctx, w.queue) {
		if err != nil {
			return retried, err
		}
		err := w.RetryDead(ctx, job.Key())
		switch {
		case err == nil:
			retried++
		case ignore(err, queue.ErrNotFound, queue.ErrNotDead) != nil:
			return retried, err
		}
	}
	return retried, nil
}

// DeleteBatch deletes a batch, its events, its contribution to the metrics and
// its dead job. If it fails between the two, or its process is lost there, a
// repeated call or Reconcile discards the dead job. Errors: store.ErrNotFound,
// also when it is repeated; store.ErrConflict while the batch is processing. A
// damaged batch can be deleted in any status: no attempt to process it succeeds.
func (w *Worker) DeleteBatch(ctx context.Context, id string) error {
	b, err := w.store.Batch(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return cmp.Or(w.discardJobOf(ctx, id, "batch deleted"), err)
	}
	if err != nil && !errors.Is(err, metrics.ErrCorrupt) {
		return err
	}
	if b.Status == store.Processing {
		return store.ErrConflict
	}
	if err := w.store.DeleteBatch(ctx, id); err != nil {
		return err
	}
	w.logger.InfoContext(ctx, "batch deleted", "batch", id, "events", b.Events())
	return w.discardJobOf(ctx, id, "batch deleted")
}

// discardJobOf discards the dead job of a batch, if there is one.
func (w *Worker) discardJobOf(ctx context.Context, id, reason string) error {
	err := w.queue.Discard(ctx, processJob(ctx, id).Key(), reason)
	if err := ignore(err, queue.ErrNotFound, queue.ErrNotDead); err != nil {
		return fmt.Errorf("eventmetrics: discard dead job of batch %s: %w", id, err)
	}
	return nil
}

// DiscardDead discards one dead letter. Its batch is marked failed first: after
// that the reconciler could not know that the job is dead, and would enqueue
// the batch again. Errors: queue.ErrNotFound, queue.ErrNotDead.
func (w *Worker) DiscardDead(ctx context.Context, key, reason string) error {
	for job, err := range queue.AllDead(ctx, w.queue) {
		if err != nil {
			return fmt.Errorf("eventmetrics: %w", err)
		}
		if job.Key() != key {
			continue
		}
		if err := w.failBatchOf(ctx, job); err != nil {
			return err
		}
		break
	}
	return w.queue.Discard(ctx, key, reason)
}

// DiscardMatching discards the dead letters that match, or only counts them in
// a dry run. Like DiscardDead, it marks their batches failed first.
func (w *Worker) DiscardMatching(ctx context.Context, dryRun bool, reason string, match func(*queue.DeadJob) bool) (n int64, _ error) {
	for job, err := range queue.AllDead(ctx, w.queue) {
		if err != nil {
			return n, err
		}
		if !match(job) {
			continue
		}
		if !dryRun {
			if err := w.failBatchOf(ctx, job); err != nil {
				return n, err
			}
			err := w.queue.Discard(ctx, job.Key(), reason)
			if errors.Is(err, queue.ErrNotFound) || errors.Is(err, queue.ErrNotDead) {
				continue // retried or discarded meanwhile
			}
			if err != nil {
				return n, fmt.Errorf("discard dead job: %w", err)
			}
		}
		n++
	}
	return n, nil
}
