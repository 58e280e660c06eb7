package store

import "context"

// Rebuilder is a [Store] that answers from sums that it keeps, and can make
// them anew.
type Rebuilder interface {
	// Rebuild makes anew from the ledger whatever else the answers of DayCounts
	// come from. It changes no answer that is the sum of the ledger. It may be
	// called beside everything else, and repeated.
	Rebuild(ctx context.Context) error
}
