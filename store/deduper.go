package store

import (
	"context"
	"time"
)

// Fingerprint stands for a row, or a whole file, across batches. The store
// compares fingerprints and knows nothing else of them.
type Fingerprint [16]byte

// ClaimTimeout is how long a Writer may be silent before others may have what
// its batch has claimed.
const ClaimTimeout = 2 * time.Minute

// Deduper is a [Store] that knows which batch has a fingerprint. A fingerprint
// is of one batch at most. It stays with its batch when that is sealed, and is
// free again when the batch is deleted or pruned, or its Writer aborted.
type Deduper interface {
	// Claim gives to the batch of a Writer that has begun and not ended those
	// of the fingerprints that no batch has. It returns, in the order of
	// prints, the id of the batch that had each, and "" for one that was given
	// now; so of two equal ones in prints the later has the id of its own
	// batch. Claims need not be durable before Commit. Other batches are only
	// answered with once they are visible.
	//
	// Errors: ErrClaimed when an unfinished Writer of another batch has one of
	// them; ErrNotFound when the batch of id is not that of a Writer. Some may
	// have been given after an error. The Writer may go on after ErrClaimed;
	// after another error only Abort is of use.
	//
	// A Writer that has made no call for ClaimTimeout may lose its batch to a
	// Claim of what it has: its Commit then fails with ErrNotFound. That is
	// how the claims of a process that was lost end. Claim counts as a call of
	// its Writer.
	//
	// It may be called beside the methods of the Writer. The store does not
	// change or keep prints, and the answer belongs to the caller.
	Claim(ctx context.Context, id string, prints []Fingerprint) ([]string, error)

	// Owners returns, in the order of prints, the id of the visible batch that
	// has each, and "" for one that none has. It changes nothing, prints
	// included.
	Owners(ctx context.Context, prints []Fingerprint) ([]string, error)
}
