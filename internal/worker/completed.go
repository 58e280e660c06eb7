package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

// completedTimeout is how long Options.AfterCompleted may take.
const completedTimeout = time.Minute

// notifyCompleted calls Options.AfterCompleted. An error means that it was not
// called, or that ctx ended meanwhile; the queue then delivers the job again.
func (w *Worker) notifyCompleted(ctx context.Context, id string) error {
	if w.opts.AfterCompleted == nil {
		return nil
	}
	b, err := w.store.Batch(ctx, id)
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return nil
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: read completed batch %s: %w", id, err)
	}
	w.afterCompleted(ctx, b)
	return ctx.Err()
}

// afterCompleted calls the function with a timeout and recovers its panics.
func (w *Worker) afterCompleted(ctx context.Context, b store.Batch) {
	ctx, cancel := context.WithTimeout(ctx, completedTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			w.logger.ErrorContext(ctx, "AfterCompleted panicked", "batch", b.ID, "err", fmt.Sprint(r))
		}
	}()
	w.opts.AfterCompleted(ctx, b)
}
