package store

import (
	"context"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// SealReader is a [Sealer] that can say which days rest on sealed batches
// alone.
type SealReader interface {
	// UnpurgedDays returns the days, ascending, from one to another, both
	// included, in which a batch has a share that is not sealed. Zero means no
	// limit on that side, as in metrics.Filter. It misses none; a day may be
	// listed for a while after its last such batch was sealed, amended or
	// deleted. It is quick however many batches there are. The slice belongs
	// to the caller.
	UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error)
}
