// Package worker processes batches and brings them and their jobs together.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Options are what a Worker needs to know.
type Options struct {
	ReconcileEvery time.Duration
	AfterCompleted func(ctx context.Context, b store.Batch)
	Logger         *slog.Logger
	Telemetry      *telemetry.Telemetry
	Now            func() time.Time
}

// Worker moves batches through their statuses. It is safe for concurrent use.
type Worker struct {
	store  store.Store
	queue  queue.Queue
	ledger *ledger.Ledger
	opts   Options
	logger *slog.Logger
	tel    *telemetry.Telemetry
}

// New returns a Worker.
func New(st store.Store, q queue.Queue, l *ledger.Ledger, o Options) *Worker {
	return &Worker{store: st, queue: q, ledger: l, opts: o, logger: o.Logger, tel: o.Telemetry}
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

// Process puts an uploaded or failed batch in line for processing. However
// many calls there are at a time, the batch gets one job; a failed batch gets
// its dead job back with all its attempts. The work is done by [Service.Run],
// in this process or another. Errors: store.ErrNotFound; store.ErrConflict
// when the batch is queued, processing or completed already.
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
	// The job goes first: a batch that has a job and is not marked is found by
	// the worker, one that is marked and has no job would wait for ever.
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

// overtaken tells a call whose own job was quicker than the mark from one that
// lost to another call.
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

// revive gives a failed batch a job again. A worker marks its batch failed a
// moment before the queue buries the job, so a job that is alive is given the
// time to die.
func (w *Worker) revive(ctx context.Context, id string) error {
	const patience, pause = 2 * time.Second, 20 * time.Millisecond
	job := processJob(ctx, id)
	for start := time.Now(); ; {
		err := w.queue.Retry(ctx, job.Key())
		if errors.Is(err, queue.ErrNotFound) { // it was discarded
			return w.queue.Enqueue(ctx, job)
		}
		if !errors.Is(err, queue.ErrNotDead) {
			return err
		}
		if time.Since(start) > patience { // it is alive and well
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Wait blocks until a batch is completed or failed, or ctx ends; it returns
// the batch as it was last seen, with ctx's error in the latter case. Errors:
// store.ErrNotFound.
func (w *Worker) Wait(ctx context.Context, id string) (store.Batch, error) {
	for start := time.Now(); ; {
		b, err := w.store.Batch(ctx, id)
		if err != nil || b.Status == store.Completed || b.Status == store.Failed {
			return b, err
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		// An eighth too late at most, and a few looks in all.
		case <-time.After(min(max(time.Since(start)/8, 2*time.Millisecond), 250*time.Millisecond)):
		}
	}
}

// Handle does one process job.
func (w *Worker) Handle(ctx context.Context, job queue.Job) error {
	ctx, done := w.observeProcess(ctx, job)
	err := w.countWithRetry(ctx, job.ID)
	outcome, err := w.finish(ctx, job, err)
	done(outcome, err)
	return err
}

// conclude says what became of an attempt, and what the queue is to hear.
func (w *Worker) finish(ctx context.Context, job queue.Job, err error) (outcome string, _ error) {
	switch {
	case err == nil:
		return "completed", nil
	case errors.Is(err, store.ErrNotFound): // deleted: nothing is left to do
		w.logger.InfoContext(ctx, "batch gone before it was processed", "batch", job.ID)
		return "gone", nil
	case errors.Is(ctx.Err(), context.Canceled): // not the batch's fault: the queue puts the job back
		w.mark(ctx, job.ID, store.Queued, "interrupted")
		return "interrupted", err
	case job.Last() || queue.IsPermanent(err):
		w.mark(ctx, job.ID, store.Failed, err.Error())
		w.logger.ErrorContext(ctx, "batch failed", "batch", job.ID, "attempt", job.Attempt, "err", err)
		return "failed", err
	}
	w.mark(ctx, job.ID, store.Queued, fmt.Sprintf("attempt %d of %d: %v", job.Attempt, job.MaxAttempts, err))
	w.logger.WarnContext(ctx, "batch to be tried again", "batch", job.ID, "attempt", job.Attempt, "err", err)
	return "retried", err
}

// awayPause is the time between two tries of a job while the store is away.
const retryInterval = time.Second

// countPatiently waits for a store that is away, as long as the job may take:
// an outage says nothing about the batch, and so costs it no attempt.
func (w *Worker) countWithRetry(ctx context.Context, id string) error {
	for tries := 1; ; tries++ {
		err := w.count(ctx, id)
		if err == nil {
			err = w.notifyCompleted(ctx, id)
		}
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		if tries == 1 {
			w.logger.WarnContext(ctx, "store away, batch waits", "batch", id, "err", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryInterval):
		}
	}
}

// count enters a batch into the ledger. All steps may be repeated.
func (w *Worker) count(ctx context.Context, id string) error {
	err := w.store.SetStatus(ctx, id, unfinished, store.Processing, "")
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

// settleErased puts right what was recorded where events were erased since it
// was summed. An erasure that comes later finds the batch recorded, and does so
// itself.
func (w *Worker) replaceErased(ctx context.Context, id string) error {
	ledger, ok := store.As[store.Auditor](w.store)
	if !ok {
		return nil
	}
	b, err := w.store.Batch(ctx, id)
	if err != nil || b.Erasure == "" {
		return err
	}
	sum, erasure, err := w.ledger.Recount(ctx, id)
	if err != nil {
		return ignore(err, store.ErrEventsPurged)
	}
	return w.ledger.ReplaceEntry(ctx, ledger, id, sum, erasure)
}

// contribution returns the sum that the upload has made, or recounts the events
// if there is none or it is damaged.
func (w *Worker) contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	c, err := w.store.Pending(ctx, id)
	switch {
	case errors.Is(err, metrics.ErrCorrupt):
		w.logger.WarnContext(ctx, "pending contribution damaged, recounting", "batch", id, "err", err)
	case err != nil:
		return nil, fmt.Errorf("eventmetrics: read contribution of batch %s: %w", id, err)
	case len(c) > 0:
		return c, nil
	}
	sum, _, err := w.ledger.Recount(ctx, id)
	return sum, err
}

// mark notes what became of an attempt. It is a courtesy to readers: if it
// does not succeed, the reconciler puts the status right.
func (w *Worker) mark(ctx context.Context, id string, to store.Status, cause string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := w.store.SetStatus(ctx, id, unfinished, to, clip.Text(cause, maxLastError))
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		w.logger.WarnContext(ctx, "status not marked", "batch", id, "status", to, "err", err)
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
