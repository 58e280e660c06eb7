package eventmetrics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// completedTime is how long Options.AfterCompleted may take.
const completedTime = time.Minute

// acceptor returns the last check of a row: Options.BeforeAccept, if there is
// one, and the sum.
func (s *Service) acceptor(ctx context.Context, sum *metrics.Aggregator) func(*metrics.Event) error {
	before := s.opts.BeforeAccept
	if before == nil {
		return sum.Add
	}
	return func(e *metrics.Event) error {
		if err := before(ctx, e); err != nil {
			return errors.New(clip(err.Error(), maxCause)) // of no other kind, so that its code is rejected
		}
		return sum.Add(e)
	}
}

// tellCompleted calls Options.AfterCompleted. An error means that the batch
// was not told of, or that the job's time was up meanwhile: the queue then
// hands the job over again.
func (s *Service) tellCompleted(ctx context.Context, id string) error {
	if s.opts.AfterCompleted == nil {
		return nil
	}
	b, err := s.store.Batch(ctx, id)
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return nil
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: read completed batch %s: %w", id, err)
	}
	s.afterCompleted(ctx, b)
	return ctx.Err()
}

func (s *Service) afterCompleted(ctx context.Context, b store.Batch) {
	ctx, cancel := context.WithTimeout(ctx, completedTime)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			s.logger.ErrorContext(ctx, "AfterCompleted panicked", "batch", b.ID, "err", fmt.Sprint(r))
		}
	}()
	s.opts.AfterCompleted(ctx, b)
}
