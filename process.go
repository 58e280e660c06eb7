package eventmetrics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// kindProcess is the job that enters one batch into the ledger; its id is the
// batch's.
const kindProcess = "process"

func processJob(ctx context.Context, id string) queue.Job {
	return queue.Job{Kind: kindProcess, ID: id, Origin: origin(ctx)}
}

// unfinished are the statuses from which a worker may move a batch.
var unfinished = []store.Status{store.Uploaded, store.Queued, store.Processing, store.Failed}

// Process puts an uploaded or failed batch in line for processing. However
// many calls there are at a time, the batch gets one job; a failed batch gets
// its dead job back with all its attempts. The work is done by [Service.Run],
// in this process or another. Errors: store.ErrNotFound; store.ErrConflict
// when the batch is queued, processing or completed already.
func (s *Service) Process(ctx context.Context, id string) error {
	b, err := s.store.Batch(ctx, id)
	if err != nil {
		return err
	}
	switch b.Status {
	case store.Uploaded:
		err = s.queue.Enqueue(ctx, processJob(ctx, id))
	case store.Failed:
		err = s.revive(ctx, id)
	default:
		return store.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: enqueue batch %s: %w", id, err)
	}
	// The job goes first: a batch that has a job and is not marked is found by
	// the worker, one that is marked and has no job would wait for ever.
	err = s.store.SetStatus(ctx, id, []store.Status{b.Status}, store.Queued, "")
	if errors.Is(err, store.ErrConflict) {
		return s.overtaken(ctx, id, err)
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: mark batch %s queued: %w", id, err)
	}
	s.logger.InfoContext(ctx, "batch queued", "batch", id)
	return nil
}

// overtaken tells a call whose own job was quicker than the mark from one that
// lost to another call.
func (s *Service) overtaken(ctx context.Context, id string, conflict error) error {
	b, err := s.store.Batch(ctx, id)
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
func (s *Service) revive(ctx context.Context, id string) error {
	const patience, pause = 2 * time.Second, 20 * time.Millisecond
	job := processJob(ctx, id)
	for start := time.Now(); ; {
		err := s.queue.Retry(ctx, job.Key())
		if errors.Is(err, queue.ErrNotFound) { // it was discarded
			return s.queue.Enqueue(ctx, job)
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
func (s *Service) Wait(ctx context.Context, id string) (store.Batch, error) {
	for start := time.Now(); ; {
		b, err := s.store.Batch(ctx, id)
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

// processBatch does one process job.
func (s *Service) processBatch(ctx context.Context, job queue.Job) error {
	ctx, done := s.observeProcess(ctx, job)
	err := s.countPatiently(ctx, job.ID)
	outcome, err := s.conclude(ctx, job, err)
	done(outcome, err)
	return err
}

// conclude says what became of an attempt, and what the queue is to hear.
func (s *Service) conclude(ctx context.Context, job queue.Job, err error) (outcome string, _ error) {
	switch {
	case err == nil:
		return "completed", nil
	case errors.Is(err, store.ErrNotFound): // deleted: nothing is left to do
		s.logger.InfoContext(ctx, "batch gone before it was processed", "batch", job.ID)
		return "gone", nil
	case errors.Is(ctx.Err(), context.Canceled): // not the batch's fault: the queue puts the job back
		s.mark(ctx, job.ID, store.Queued, "interrupted")
		return "interrupted", err
	case job.Last() || queue.IsPermanent(err):
		s.mark(ctx, job.ID, store.Failed, err.Error())
		s.logger.ErrorContext(ctx, "batch failed", "batch", job.ID, "attempt", job.Attempt, "err", err)
		return "failed", err
	}
	s.mark(ctx, job.ID, store.Queued, fmt.Sprintf("attempt %d of %d: %v", job.Attempt, job.MaxAttempts, err))
	s.logger.WarnContext(ctx, "batch to be tried again", "batch", job.ID, "attempt", job.Attempt, "err", err)
	return "retried", err
}

// awayPause is the time between two tries of a job while the store is away.
const awayPause = time.Second

// countPatiently waits for a store that is away, as long as the job may take:
// an outage says nothing about the batch, and so costs it no attempt.
func (s *Service) countPatiently(ctx context.Context, id string) error {
	for tries := 1; ; tries++ {
		err := s.count(ctx, id)
		if err == nil {
			err = s.tellCompleted(ctx, id)
		}
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		if tries == 1 {
			s.logger.WarnContext(ctx, "store away, batch waits", "batch", id, "err", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(awayPause):
		}
	}
}

// count enters a batch into the ledger. All steps may be repeated.
func (s *Service) count(ctx context.Context, id string) error {
	err := s.store.SetStatus(ctx, id, unfinished, store.Processing, "")
	if errors.Is(err, store.ErrConflict) { // completed by an earlier delivery
		return nil
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: mark batch %s processing: %w", id, err)
	}
	c, err := s.contribution(ctx, id)
	if err != nil {
		return err
	}
	if err := s.store.Record(ctx, id, c); err != nil {
		return fmt.Errorf("eventmetrics: record batch %s: %w", id, err)
	}
	if err := s.settleErased(ctx, id); err != nil {
		return err
	}
	err = s.store.SetStatus(ctx, id, unfinished, store.Completed, "")
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("eventmetrics: mark batch %s completed: %w", id, err)
	}
	s.logger.InfoContext(ctx, "batch completed", "batch", id, "events", c.Events())
	return nil
}

// settleErased puts right what was recorded where events were erased since it
// was summed. An erasure that comes later finds the batch recorded, and does so
// itself.
func (s *Service) settleErased(ctx context.Context, id string) error {
	if _, ok := store.As[store.Eraser](s.store); !ok {
		return nil
	}
	ledger, ok := store.As[store.Amender](s.store)
	if !ok {
		return nil
	}
	b, err := s.store.Batch(ctx, id)
	if err != nil || b.Erasure == "" {
		return err
	}
	sum, erasure, err := s.recountOf(ctx, id)
	if err != nil {
		return ignore(err, store.ErrPurged)
	}
	return s.settle(ctx, ledger, id, sum, erasure)
}

// contribution returns the sum that was made during the upload, or sums the
// events again where that one is missing or cannot be read.
func (s *Service) contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	text, err := readAll(s.store.Attachment(ctx, id, store.PendingContribution))
	if err != nil && !errors.Is(err, store.ErrChanged) { // recorded in this moment
		return nil, fmt.Errorf("eventmetrics: read contribution of batch %s: %w", id, err)
	}
	if err == nil && len(text) > 0 {
		c, err := metrics.DecodeContribution(text, withAll)
		if err == nil {
			return c, nil
		}
		s.logger.WarnContext(ctx, "contribution summed anew", "batch", id, "err", err)
	}
	return s.recount(ctx, id)
}

// recount returns what a batch counts for: the sum of its events, and of those
// that were erased and still count.
func (s *Service) recount(ctx context.Context, id string) (metrics.Contribution, error) {
	sum, _, err := s.recountOf(ctx, id)
	return sum, err
}

// recountOf also returns the Batch.Erasure of which the sum is.
func (s *Service) recountOf(ctx context.Context, id string) (metrics.Contribution, string, error) {
	for {
		b, err := s.store.Batch(ctx, id)
		if err != nil {
			return nil, "", fmt.Errorf("eventmetrics: read batch %s: %w", id, err)
		}
		sum, err := s.sumEvents(ctx, id)
		var kept metrics.Contribution
		if err == nil {
			kept, err = s.kept(ctx, id, b.Erasure)
		}
		now, errNow := s.store.Batch(ctx, id)
		if errors.Is(err, store.ErrChanged) || errNow == nil && now.Erasure != b.Erasure {
			if ctx.Err() != nil {
				return nil, "", ctx.Err()
			}
			continue // events were erased meanwhile
		}
		if err == nil {
			err = errNow
		}
		return merged(sum, kept), b.Erasure, err
	}
}

// sumEvents sums the stored events of a batch.
func (s *Service) sumEvents(ctx context.Context, id string) (metrics.Contribution, error) {
	sum := metrics.NewAggregator(&s.opts.Caps)
	for e, err := range s.store.Events(ctx, id) {
		if err != nil {
			return nil, fmt.Errorf("eventmetrics: read events of batch %s: %w", id, err)
		}
		if err := sum.Add(&e); err != nil {
			return nil, queue.Permanent(fmt.Errorf("eventmetrics: sum batch %s: %w", id, err))
		}
	}
	return sum.Contribution(), nil
}

// mark notes what became of an attempt. It is a courtesy to readers: if it
// does not succeed, the reconciler puts the status right.
func (s *Service) mark(ctx context.Context, id string, to store.Status, cause string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := s.store.SetStatus(ctx, id, unfinished, to, clip(cause, maxCause))
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		s.logger.WarnContext(ctx, "status not marked", "batch", id, "status", to, "err", err)
	}
}

// DeleteBatch removes a batch with its events, its share in the metrics and
// its dead job. Errors: store.ErrNotFound; store.ErrConflict while the batch
// is processing.
func (s *Service) DeleteBatch(ctx context.Context, id string) error {
	b, err := s.store.Batch(ctx, id)
	if err != nil {
		return err
	}
	if b.Status == store.Processing {
		return store.ErrConflict
	}
	if err := s.store.DeleteBatch(ctx, id); err != nil {
		return err
	}
	s.logger.InfoContext(ctx, "batch deleted", "batch", id, "events", b.Events)
	err = s.queue.Discard(ctx, processJob(ctx, id).Key(), "batch deleted")
	if err != nil && !errors.Is(err, queue.ErrNotFound) && !errors.Is(err, queue.ErrNotDead) {
		// The batch is gone all the same; its job finds nothing and ends.
		s.logger.WarnContext(ctx, "dead job of deleted batch left", "batch", id, "err", err)
	}
	return nil
}

// RetryDead takes a job out of the dead letters and puts it in line again,
// with its batch. Errors: queue.ErrNotFound, queue.ErrNotDead.
func (s *Service) RetryDead(ctx context.Context, key string) error {
	job, err := queue.ParseKey(key)
	if err != nil {
		return queue.ErrNotFound
	}
	if err := s.queue.Retry(ctx, key); err != nil {
		return err
	}
	if job.Kind != kindProcess {
		return nil
	}
	err = s.store.SetStatus(ctx, job.ID, []store.Status{store.Failed}, store.Queued, "")
	return ignore(err, store.ErrConflict, store.ErrNotFound)
}

// RetryAllDead does so with all dead letters and returns how many there were.
// A job that dies again meanwhile is not tried a second time.
func (s *Service) RetryAllDead(ctx context.Context) (int64, error) {
	var retried int64
	for job, err := range s.eachDead(ctx) {
		if err != nil {
			return retried, err
		}
		err := s.RetryDead(ctx, job.Key())
		switch {
		case err == nil:
			retried++
		case ignore(err, queue.ErrNotFound, queue.ErrNotDead) != nil:
			return retried, err
		}
	}
	return retried, nil
}
