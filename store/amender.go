package store

import (
	"context"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Amender is a [Store] that can correct its ledger. Without it there is
// no reprocessing.
type Amender interface {
	// Contribution returns what the ledger has for a batch. It belongs to the
	// caller. Errors: ErrNotFound when the batch is unknown or has no
	// contribution.
	Contribution(ctx context.Context, id string) (metrics.Contribution, error)

	// Amend replaces the contribution of a batch in one atomic step. The
	// store does not change or keep c. Errors: ErrNotFound when the batch is
	// unknown or has no contribution.
	Amend(ctx context.Context, id string, c metrics.Contribution) error
}
