package store

import (
	"slices"
	"time"
)

// Status is the state of a batch:
// uploaded -> queued -> processing -> completed or failed. A failed batch may
// be queued again.
type Status string

// The statuses of a batch.
const (
	Uploaded   Status = "uploaded"
	Queued     Status = "queued"
	Processing Status = "processing"
	Completed  Status = "completed"
	Failed     Status = "failed"
)

// Statuses returns all statuses in the order in which a batch has them.
func Statuses() []Status {
	return []Status{Uploaded, Queued, Processing, Completed, Failed}
}

// Batch describes one uploaded file. Times are UTC, cut to the millisecond; a
// zero time stays zero.
type Batch struct {
	ID       string
	FileName string
	// SHA256 is the lower-case hex digest of the content.
	SHA256 string
	// AcceptedRows is the number of rows that became events, RejectedRows the
	// number of invalid rows.
	AcceptedRows, RejectedRows int64
	// DuplicateRows is the number of valid rows that were skipped, because
	// another batch or an earlier row of the file has them.
	DuplicateRows int64
	// Erased is the number of events that erasures have removed, Erasure the
	// ID of the last erasure that removed any, or "".
	Erased  int64
	Erasure string
	Status  Status
	// LastError is the last error of a failed batch, or the reason why a batch
	// is queued again.
	LastError string
	// IdempotencyKey is the key of the request that uploaded the batch, or "".
	// No two batches have the same key before KeyExpires. A batch may have further
	// keys, see [Deduper].TakeKey.
	IdempotencyKey string
	KeyExpires     time.Time
	// RepairOf is the id of the batch whose rejected rows this one corrects,
	// or "". It stays when that batch is deleted.
	RepairOf string
	Created  time.Time
	// Updated is the time of the last SetStatus, or that of Commit.
	Updated time.Time
	// EventsPurged means that the raw events were purged. The contribution can
	// no longer be recounted.
	EventsPurged bool
	// Damaged means that what the store has of this Batch is damaged, so that
	// some of the fields may be wrong. Only Batches returns such a Batch; the
	// other methods fail for it with metrics.ErrCorrupt, but DeleteBatch, which
	// removes it. A store that keeps no checksums does not set it.
	Damaged bool
}

// Events returns the number of accepted rows that no erasure removed: the number
// of raw events, until they are purged.
func (b *Batch) Events() int64 { return b.AcceptedRows - b.Erased }

// BatchQuery selects batches. The zero value selects the newest.
type BatchQuery struct {
	// Statuses selects the batches in one of these; none means all.
	Statuses []Status
	// RepairOf selects the batches that repair this one, if not empty.
	RepairOf string
	// UpdatedBefore selects the batches last changed before it, if not zero.
	UpdatedBefore time.Time
	// After is the keyset cursor: it selects batches with a smaller id. Empty
	// starts with the newest.
	After string
	// Limit is the greatest number of batches to return; 0 means
	// DefaultLimit, more than MaxLimit means MaxLimit.
	Limit int
}

// Limits of [Store.Batches].
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Match reports whether q selects b. It ignores Limit.
func (q *BatchQuery) Match(b *Batch) bool {
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, b.Status)) &&
		(q.RepairOf == "" || b.RepairOf == q.RepairOf) &&
		(q.UpdatedBefore.IsZero() || b.Updated.Before(q.UpdatedBefore)) &&
		(q.After == "" || b.ID < q.After)
}

// Size returns Limit with its default and its maximum applied.
func (q *BatchQuery) Size() int {
	if q.Limit <= 0 {
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}
