package store

import (
	"context"
	"time"
)

// Fingerprint identifies a row or a whole file across batches. The store
// compares fingerprints and does not know what they were made from. Those of rows
// that are near in time are near each other in byte order, if they begin with the
// time, as those of an upload with DedupeOccurrence do.
type Fingerprint [16]byte

// ClaimTimeout is how long the claims of a Writer may last after the loss of its
// process.
const ClaimTimeout = 15 * time.Second

// Deduper is a [Store] that knows which batch has a fingerprint. Claim gives a
// fingerprint to at most one batch; AddOwner adds others. A batch keeps its
// fingerprints when its events are purged and when it is archived. A fingerprint
// is free again when each batch that has it is deleted or pruned, or its Writer is
// aborted. It also keeps the idempotency keys of requests that were answered with
// a batch which was there.
type Deduper interface {
	// Claim gives the batch of an open Writer those of the fingerprints that
	// no batch has. For each one, in the order of fps, it returns the id of the
	// batch that had it, or "" if the batch has got it now. If fps has one
	// twice, the answer for the second is the id of the batch itself. Claims
	// need not be durable before Commit. The other ids in the answer are those
	// of visible and archived batches.
	//
	// Errors: ErrClaimed when the open Writer of another batch has one of the
	// fingerprints; ErrNotFound when id is not the batch of an open Writer.
	// After an error, some of the fingerprints may have been given. The Writer
	// can be used after ErrClaimed; after another error, only Abort is
	// allowed.
	//
	// A Writer keeps its claims while its process lives, however long it makes
	// no call and whatever the clocks of processes say. ClaimTimeout after the
	// loss of its process, a Claim takes what it has. A process that was
	// suspended for as long may have lost its Writers: their Commit fails with
	// ErrNotFound.
	//
	// Claim may run concurrently with the methods of the Writer. The store
	// does not change or keep fps, and the answer belongs to the caller.
	Claim(ctx context.Context, id string, fps []Fingerprint) ([]string, error)

	// AddOwner makes the batch of an open Writer one of the batches that have a
	// fingerprint, also if others have it. It counts from Commit on: until then
	// neither Claim nor Owners knows of it. It may run concurrently with the
	// methods of the Writer, and is safe to repeat. Errors: ErrNotFound when id is
	// not the batch of an open Writer.
	AddOwner(ctx context.Context, id string, fp Fingerprint) error

	// Owners returns the id of the visible or archived batch that has each
	// fingerprint, or of one of them, in the order of fps, and "" where no batch
	// has it. It changes nothing. The store does not keep fps, and the answer
	// belongs to the caller.
	Owners(ctx context.Context, fps []Fingerprint) ([]string, error)

	// TakeKey gives a visible batch a further idempotency key, in one atomic step:
	// that of a request which was answered with the batch, since it has the same
	// content. The batch has the key until expires, which is cut to the
	// millisecond, or until it is deleted, pruned or archived. If it has the key
	// at now already, nothing changes. A batch may have any number of keys. No
	// field of the Batch changes. Prune removes keys that have expired before
	// PruneQuery.Before. It is safe to repeat. Errors: ErrNotFound; ErrKeyTaken
	// when another batch has the key at now.
	TakeKey(ctx context.Context, id, key string, expires, now time.Time) error

	// Keys returns the idempotency keys of a batch in byte order: its
	// IdempotencyKey, if it has one, and those of TakeKey, also those that have
	// expired and that no other batch has and Prune has not removed. The slice
	// belongs to the caller. Errors: ErrNotFound.
	Keys(ctx context.Context, id string) ([]string, error)
}
