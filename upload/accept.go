package upload

import (
	"context"
	"errors"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// acceptor returns the last check of a row: Options.BeforeAccept, if there is
// one, and the sum.
func (u *Uploader) acceptor(ctx context.Context, sum *metrics.Aggregator) func(*metrics.Event) error {
	before := u.opts.BeforeAccept
	if before == nil {
		return sum.Add
	}
	return func(e *metrics.Event) error {
		if err := before(ctx, e); err != nil {
			return errors.New(clip.Text(err.Error(), 500)) // of no other kind, so that its code is rejected
		}
		return sum.Add(e)
	}
}
