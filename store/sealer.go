package store

import "context"

// Sealer is a [Store] that can purge raw events and keep their metrics.
type Sealer interface {
	// Seal purges the raw events of a completed batch and sets Sealed. Its
	// contribution stays. Errors: ErrNotFound; ErrConflict when the batch is
	// not completed. Sealing a sealed batch does nothing.
	PurgeEvents(ctx context.Context, id string) error
}
