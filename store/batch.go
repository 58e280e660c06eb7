package store

import (
	"errors"
	"slices"
	"time"
)

// Errors of every Store.
var (
	// ErrNotFound means that there is no such batch.
	ErrNotFound = errors.New("store: batch not found")
	// ErrConflict means that the batch is in none of the expected statuses.
	ErrConflict = errors.New("store: batch is in another status")
	// ErrKeyTaken means that another batch has the idempotency key.
	ErrKeyTaken = errors.New("store: idempotency key taken")
	// ErrEventsPurged means that the raw events of the batch were purged.
	ErrEventsPurged = errors.New("store: raw events purged")
	// ErrChanged means that something was replaced while it was read. Whoever
	// reads again gets the whole of what is there now.
	ErrChanged = errors.New("store: changed while it was read")
	// ErrClaimed means that a batch that is being written has a fingerprint.
	ErrClaimed = errors.New("store: fingerprint of an unfinished batch")
	// ErrUnavailable means that the database could not be reached, or could not
	// serve, for as long as the store tried. Nothing is known about the change;
	// the call may be repeated later.
	ErrUnavailable = errors.New("store: database unavailable")
	// ErrUnsupported means that the store lacks the ability that is needed.
	ErrUnsupported = errors.New("eventmetrics: not supported by this store")
)

// Status is the place of a batch in its life:
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

// Statuses returns all statuses in the order of a batch's life.
func Statuses() []Status {
	return []Status{Uploaded, Queued, Processing, Completed, Failed}
}

// Batch describes one uploaded file. Times are UTC, cut to the millisecond;
// a zero time stays zero.
type Batch struct {
	ID       string
	FileName string
	// SHA256 is the lower-case hex digest of the content.
	SHA256 string
	// Events is the number of accepted rows, Failed the number of rejected.
	AcceptedRows, RejectedRows int64
	// Duplicates is the number of rows that were left out because another batch
	// or an earlier row has them.
	DuplicateRows int64
	// Erased is the number of events that were removed by erasures, Erasure
	// the ID of the last one that removed any, or "".
	Erased  int64
	Erasure string
	Status  Status
	// Cause says why the batch has its status; the last error of a failed one.
	LastError string
	// IdempotencyKey is the key of the request that made the batch, or "". No
	// two batches have the same one before KeyExpires.
	IdempotencyKey string
	KeyExpires     time.Time
	// Repairs is the id of the batch whose rejected rows this one makes good,
	// or "". It stays when that one is deleted.
	RepairOf string
	Created  time.Time
	// Updated is the time of the last change of status.
	Updated time.Time
	// Sealed means that the raw events were purged: the contribution stands
	// as it is.
	EventsPurged bool
}

// BatchQuery selects batches. The zero value selects the newest.
type BatchQuery struct {
	// Statuses keeps batches in one of these; none means all.
	Statuses []Status
	// IdempotencyKey keeps the batches with this key, if not empty.
	IdempotencyKey string
	// Repairs keeps the batches that repair this one, if not empty.
	RepairOf string
	// UpdatedBefore keeps batches last changed before it, if not zero.
	UpdatedBefore time.Time
	// After is the keyset cursor: only batches with a smaller id follow. Empty
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

// Match reports whether q selects b, its Limit aside.
func (q *BatchQuery) Match(b *Batch) bool {
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, b.Status)) &&
		(q.IdempotencyKey == "" || b.IdempotencyKey == q.IdempotencyKey) &&
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
