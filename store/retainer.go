package store

import (
	"context"
	"iter"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Retainer is a [Store] that can remove parts of a batch: what is old, and what
// belongs to one subject.
type Retainer interface {
	// PurgeEvents removes the raw events of a completed batch and sets
	// Batch.EventsPurged. The contribution stays. It does nothing if the
	// events were purged before. Errors: ErrNotFound; ErrConflict when the
	// batch is not completed, even if its events were purged before.
	PurgeEvents(ctx context.Context, id string) error

	// UnpurgedDays returns the days, ascending, to which a batch contributes
	// whose events are not purged. From and to are included; zero means no
	// limit, as in metrics.Filter. No such day is missing. A day may be listed
	// for some time after its last such batch was purged, amended or deleted.
	// The call is quick however many batches there are. The slice belongs to
	// the caller.
	UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error)

	// Archive removes a completed and purged batch and its attachments, and
	// keeps its contribution: the answers of DayCounts do not change, and
	// Explain still returns its id. For all other methods, Record and Amend
	// among them, the batch is unknown from then on, so that its counts are
	// permanent. In a Deduper it keeps its fingerprints, so that its rows
	// cannot count again. Errors: ErrNotFound; ErrConflict when the batch is
	// not completed or not purged. A repeated call returns nil or ErrNotFound.
	Archive(ctx context.Context, id string) error

	// ReplaceAttachment replaces the content of an attachment of a visible
	// batch in one atomic step. Content without chunks removes the attachment.
	// A range over the attachment that has begun yields all of the old
	// content, or ends with ErrChanged. The last of several concurrent calls
	// wins. The store may range over content more than once, and keeps no
	// chunk. If content yields an error, that error is returned and nothing
	// changes. Errors: ErrNotFound.
	ReplaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error

	// EraseNames removes names that the sender has chosen from a visible batch,
	// in one atomic step, whatever its status: FileName becomes ErasedName,
	// IdempotencyKey becomes empty, and all keys of the batch are free: it and
	// those of Deduper.TakeKey. Nothing else changes,
	// Updated among it. It is safe to repeat. Errors: ErrNotFound.
	EraseNames(ctx context.Context, id string, names Names) error

	// Scrub finishes what removes data: after it has returned nil, the files and
	// collections of the store have no bytes of what Erase, EraseNames,
	// ReplaceAttachment, SetStatus, PurgeEvents, Archive and DeleteBatch have
	// removed or replaced before the call, not in free pages or logs either, as
	// far as they are in the store's hands. Until then such bytes may be left.
	// It may wait for readers. It is safe to repeat.
	Scrub(ctx context.Context) error

	// Erase removes the events that e selects in one atomic step, whatever the
	// status of the batch. It adds their number to Batch.Erased, sets
	// Batch.Erasure, and returns the number. If e selects no events, nothing
	// changes; so a call that is repeated after an error may return 0.
	// AcceptedRows, the ledger and the attachments stay as they are. A range
	// over the events that has begun yields all that were there before, or
	// ends with ErrChanged. After Erase has returned nil, the store has no
	// copy of e.Value in notes of its own.
	//
	// Errors: ErrNotFound; ErrEventsPurged; ErrConflict when Batch.Erasure is
	// neither e.After nor e.ID.
	Erase(ctx context.Context, id string, e Erasure) (int64, error)
}

// ErasedName is the FileName of a batch whose name was erased.
const ErasedName = "erased"

// Names says which names of a batch EraseNames removes. IdempotencyKey means all
// of its keys.
type Names struct {
	FileName, IdempotencyKey bool
}

// EraseFrom removes the names from b, as EraseNames does in a store.
func (n Names) EraseFrom(b *Batch) {
	if n.FileName {
		b.FileName = ErasedName
	}
	if n.IdempotencyKey {
		b.IdempotencyKey, b.KeyExpires = "", time.Time{}
	}
}

// Erasure selects events of a batch for removal.
type Erasure struct {
	// ID identifies the erasure; it must be new. Batch.Erasure is set to it.
	ID string
	// After is the Batch.Erasure that the caller has read.
	After string
	// Field and Value select the events for which Event.Field(Field) is Value.
	// Both must not be empty.
	Field, Value string
}
