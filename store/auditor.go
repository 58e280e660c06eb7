package store

import (
	"context"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Auditor is a [Store] whose ledger can be read and corrected.
type Auditor interface {
	// Contribution returns the contribution of a batch from the ledger. It
	// belongs to the caller. Errors: ErrNotFound when the batch is unknown or
	// has no contribution.
	Contribution(ctx context.Context, id string) (metrics.Contribution, error)

	// Amend replaces the contribution of a batch in one atomic step. The
	// store does not change or keep c. Errors: ErrNotFound when the batch is
	// unknown or has no contribution.
	Amend(ctx context.Context, id string, c metrics.Contribution) error

	// Rebuild computes again, from the ledger, all sums that DayCounts reads
	// instead of the ledger. It changes no answer that is the sum of the
	// ledger. A store without such sums does nothing. Rebuild may run
	// concurrently with all other methods, and is safe to repeat.
	Rebuild(ctx context.Context) error
}
