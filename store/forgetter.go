package store

import "context"

// Forgetter is a [Store] that can drop a batch and keep its metrics.
type Forgetter interface {
	// Archive removes a completed and sealed batch with its attachments, all
	// but its contribution: DayCounts is as before, and Explain still names its
	// id. To every other method the batch is unknown from then on, Record and
	// Amend among them, and nothing can take its counts back. Where the store
	// is a Deduper, the batch keeps its fingerprints, so that rows that count
	// for ever do not count again. Errors: ErrNotFound; ErrConflict when the
	// batch is not completed or not sealed. A repeated call may return nil or
	// ErrNotFound.
	Archive(ctx context.Context, id string) error
}
