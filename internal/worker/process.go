package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Handle executes one process job.
func (w *Worker) Handle(ctx context.Context, job queue.Job) error {
	ctx, done := w.observeProcess(ctx, job)
	err := w.countWithRetry(ctx, job.ID)
	if _, ok := errors.AsType[*ledger.SumError](err); ok { // another attempt would fail too
		err = queue.Permanent(err)
	}
	outcome, err := w.finish(ctx, job, err)
	done(outcome, err)
	return err
}

// finish marks the batch after an attempt. It returns the outcome, and the error
// for the queue.
func (w *Worker) finish(ctx context.Context, job queue.Job, err error) (outcome string, _ error) {
	switch {
	case err == nil:
		return "completed", nil
	case errors.Is(err, store.ErrNotFound): // deleted meanwhile
		w.logger.InfoContext(ctx, "batch deleted before it was processed", "batch", job.ID)
		return "gone", nil
	case errors.Is(ctx.Err(), context.Canceled): // by a shutdown: the queue puts the job back
		w.mark(ctx, job.ID, store.Queued, "interrupted")
		return "interrupted", err
	case job.Last() || queue.IsPermanent(err):
		w.mark(ctx, job.ID, store.Failed, err.Error())
		w.logger.ErrorContext(ctx, "batch failed", "batch", job.ID, "attempt", job.Attempt, "err", err)
		return "failed", err
	}
	w.mark(ctx, job.ID, store.Queued, fmt.Sprintf("attempt %d of %d: %v", job.Attempt, job.MaxAttempts, err))
	w.logger.WarnContext(ctx, "processing batch failed, retrying", "batch", job.ID, "attempt", job.Attempt, "err", err)
	return "retried", err
}

// retryInterval is the time between two tries while the store is unavailable.
const retryInterval = time.Second

// countWithRetry counts a batch and waits while the store is unavailable or
// uploads use all memory, for as long as the job may take: that costs no
// attempt.
func (w *Worker) countWithRetry(ctx context.Context, id string) error {
	for tries := 1; ; tries++ {
		err := w.count(ctx, id)
		if err == nil {
			err = w.notifyCompleted(ctx, id)
		}
		busy := errors.Is(err, budget.ErrBusy)
		if !busy && !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		if tries == 1 && !busy {
			w.logger.WarnContext(ctx, "store unavailable, waiting", "batch", id, "err", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryInterval):
		}
	}
}

// jobBytes is the memory of a job beside the contribution of its batch.
const jobBytes = 4 << 20

// count enters a batch into the ledger. Each step is safe to repeat.
func (w *Worker) count(ctx context.Context, id string) error {
	memory, err := w.opts.Memory.Acquire(ctx, jobBytes)
	if err != nil {
		return fmt.Errorf("eventmetrics: process batch %s: %w", id, err)
	}
	defer memory.Release()
	err = w.store.SetStatus(ctx, id, unfinished, store.Processing, "")
	if errors.Is(err, store.ErrConflict) { // completed by an earlier delivery
		return nil
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: mark batch %s processing: %w", id, err)
	}
	c, err := w.contribution(ctx, id)
	if err != nil {
		return err
	}
	if err := memory.Grow(ctx, c.Bytes()); err != nil {
		return fmt.Errorf("eventmetrics: process batch %s: %w", id, err)
	}
	if err := w.store.Record(ctx, id, c); err != nil {
		return fmt.Errorf("eventmetrics: record batch %s: %w", id, err)
	}
	if err := w.replaceErased(ctx, id); err != nil {
		return err
	}
	err = w.store.SetStatus(ctx, id, unfinished, store.Completed, "")
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("eventmetrics: mark batch %s completed: %w", id, err)
	}
	w.logger.InfoContext(ctx, "batch completed", "batch", id, "events", c.Events())
	return nil
}

// replaceErased corrects the contribution of a batch whose events were erased
// after they were summed. A later erasure finds the batch recorded and corrects
// it itself.
func (w *Worker) replaceErased(ctx context.Context, id string) error {
	auditor, ok := store.As[store.Auditor](w.store)
	if !ok {
		return nil
	}
	b, err := w.store.Batch(ctx, id)
	if err != nil || b.Erasure == "" {
		return err
	}
	sum, erasure, err := w.ledger.Recount(ctx, id)
	if errors.Is(err, store.ErrEventsPurged) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.ledger.ReplaceEntry(ctx, auditor, id, sum, erasure)
}

// contribution returns the contribution that the upload summed. If it is missing
// or damaged, or not the sum of all events, the events are summed again.
func (w *Worker) contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	c, err := w.store.Pending(ctx, id)
	switch {
	case errors.Is(err, metrics.ErrCorrupt):
		w.logger.WarnContext(ctx, "pending contribution damaged, recounting", "batch", id, "err", err)
	case err != nil:
		return nil, fmt.Errorf("eventmetrics: read contribution of batch %s: %w", id, err)
	case len(c) > 0:
		complete, err := w.isOf(ctx, id, c)
		if complete || err != nil {
			return c, err
		}
		w.logger.WarnContext(ctx, "pending contribution of another number of events, recounting", "batch", id, "events", c.Events())
	}
	sum, _, err := w.ledger.Recount(ctx, id)
	return sum, err
}

// isOf reports whether a contribution has as many events as its batch had when it
// was uploaded.
func (w *Worker) isOf(ctx context.Context, id string, c metrics.Contribution) (bool, error) {
	b, err := w.store.Batch(ctx, id)
	return err == nil && c.Events() == b.AcceptedRows, err
}

// mark sets the status of a batch after an attempt. If it fails, the reconciler
// corrects the status.
func (w *Worker) mark(ctx context.Context, id string, to store.Status, cause string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := w.store.SetStatus(ctx, id, unfinished, to, clip.Text(cause, maxLastError))
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		w.logger.WarnContext(ctx, "marking batch failed", "batch", id, "status", to, "err", err)
	}
}
