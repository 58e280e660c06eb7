package store

import (
	"context"
	"iter"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Store keeps batches, their events and the ledger.
//
// All methods are safe for concurrent use, by several processes too if the
// database is shared: each method sees what all methods did that have returned
// before. A method returns when its effect is durable, so that it survives the
// loss of the process, of the database server or of the power right after, or
// with an error.
// An error that is not one of the package's sentinels, or is ErrUnavailable,
// leaves open whether the change was made; every method but Begin may then be
// called again with the same arguments. While the database cannot be reached,
// each method and iterator returns ErrUnavailable, unless its ctx ends first.
// When it can be reached again, the same Store works.
//
// The caller chooses the ids of batches. They are UUIDv7 text, so that ascending
// ids are ascending in time. Times that the store sets are those of its own
// process, UTC, cut to the millisecond; a clock of the database is not used.
//
// All strings are valid UTF-8 without NUL, otherwise of any characters, and of at
// most 4 KiB, names of attachments among them. A store keeps them byte for byte,
// and two strings are equal only if their bytes are. The content of an attachment
// is of any bytes. Callers drop or refuse other strings before: no method need
// notice them.
//
// After its ctx has ended, a method or iterator returns an error for which
// errors.Is(err, ctx.Err()) holds and errors.Is(err, ErrUnavailable) does not,
// also between two elements. A method that is called with such a ctx changes
// nothing; only Writer.Abort ends its Writer. A method may be called inside a
// range over an iterator of the same Store, also if the store has one connection
// only.
//
// An iterator does nothing before it is ranged over, yields at most one error,
// which is then the last element, and releases its resources on break. It never
// ends early without an error. Each range runs the query again.
type Store interface {
	// Begin starts a new batch and returns the Writer that fills it. Until the
	// Writer has committed, the batch is invisible to all other methods but
	// Prune. The caller must call Commit or Abort. The id must be new. Errors:
	// ErrIDTaken when a batch or another Writer has the id, or an archived batch
	// had it.
	Begin(ctx context.Context, id string) (Writer, error)

	// Batch returns a batch. Errors: ErrNotFound.
	Batch(ctx context.Context, id string) (Batch, error)

	// Batches returns the batches for which q.Match holds, newest (greatest id)
	// first.
	// The slice belongs to the caller.
	Batches(ctx context.Context, q BatchQuery) ([]Batch, error)

	// CountBatches returns how many batches each of Statuses has, but at most
	// limit, which is more than 0: a number of limit means that many or more. It
	// reads no more than that many entries of an index per status, however many
	// batches there are. A batch that changes meanwhile may be counted twice or
	// not at all. The map belongs to the caller.
	CountBatches(ctx context.Context, limit int64) (map[Status]int64, error)

	// BatchOfKey returns the batch that has an idempotency key at a time: the one
	// whose IdempotencyKey it is, before its KeyExpires, or to which
	// Deduper.TakeKey has given it. No batch has the empty key. Errors:
	// ErrNotFound.
	BatchOfKey(ctx context.Context, key string, at time.Time) (Batch, error)

	// Events returns the events of a batch, ascending by row, exactly as they
	// were written: no name, value, id or type is special. An Event and its Fields slice are valid until the next
	// element, whatever is called meanwhile; the strings stay valid. A range
	// yields all events that the batch had when it began, or ends with an
	// error: ErrNotFound when the batch is unknown, or was deleted, pruned or
	// archived meanwhile; ErrEventsPurged when the events were purged;
	// ErrChanged when some were erased meanwhile.
	Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error]

	// Attachment returns the content of an attachment in chunks, whose bounds
	// need not be those of Attach. Each name of each batch is an attachment of
	// its own. An attachment without content yields none.
	// A chunk is valid until the next, whatever is called meanwhile. A range
	// yields all of the content that the attachment had when it began, or ends
	// with an error: ErrNotFound when the batch is unknown, or was deleted,
	// pruned or archived meanwhile; ErrChanged when the attachment was replaced
	// meanwhile.
	Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error]

	// SetStatus moves a batch from one of the statuses in from to the status
	// to, and sets LastError and Updated, in one atomic compare-and-set. A
	// batch may be moved to the status that it has, if from includes it; that
	// sets LastError and Updated too. Errors: ErrNotFound; ErrConflict when the batch's status is not in from.
	SetStatus(ctx context.Context, id string, from []Status, to Status, lastError string) error

	// Pending returns the contribution that Commit was given, until Record has
	// entered one into the ledger; then it returns nil. It also returns nil if
	// Commit was given none. The caller recounts the events in both cases. The
	// contribution belongs to the caller. Errors: ErrNotFound;
	// metrics.ErrCorrupt when it is damaged, whereupon the caller recounts the
	// events too.
	Pending(ctx context.Context, id string) (metrics.Contribution, error)

	// Record enters the contribution of a batch into the ledger, once: if the
	// ledger has one for this batch already, it returns nil and changes
	// nothing. It is the commit point of processing: DayCounts includes either
	// nothing of the contribution or all of it. An empty contribution is one
	// too. It removes the pending
	// contribution, and does not change the status. The store notes the time,
	// for the AsOf of queries; Amend does not change that time. The store does
	// not change or keep c. Errors: ErrNotFound when the batch is unknown or was
	// deleted, however long ago.
	Record(ctx context.Context, id string, c metrics.Contribution) error

	// DayCounts returns the part of the sum of the ledger that q selects,
	// ascending by day, type and group: one DayCount for each day and event
	// type that has events and, if q asks for groups, one for each group. Types
	// and groups are in byte order, a total before its groups. They
	// belong to the caller. The DayCounts of one day are of one state of the
	// ledger: each includes all of a batch or nothing of it. So are those of
	// a small answer: of up to 20 days and 500 DayCounts. There may be a
	// thousand times as many groups as totals, so a query for totals must not
	// read groups. With q.AsOf the sum does not include what was recorded
	// later. With q.Ledger the sum is the same, but computed from the contributions,
	// day by day, in bounded memory.
	DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error]

	// DeleteBatch removes a batch, its events, its attachments and its
	// contribution. DayCounts is then as if the batch had never existed. What
	// runs concurrently leaves nothing of it. Errors: ErrNotFound. A repeated
	// call returns nil or ErrNotFound.
	DeleteBatch(ctx context.Context, id string) error

	// Prune removes batches that were uploaded before q.Before and never
	// queued, with their contributions, and unfinished uploads: what a Writer
	// has written that was neither committed nor aborted, and made its last call
	// before q.Before. Times are compared to the millisecond. To save writes, a
	// store may take the last call of a Writer for one that was up to a minute
	// earlier, and while its process lives, for one that is made now. A batch in
	// another status is not touched. A Writer whose upload
	// was pruned has ended: its Commit fails, and its Abort does nothing.
	Prune(ctx context.Context, q PruneQuery) (Pruned, error)

	// Ping returns nil if the database can be read and written now.
	Ping(ctx context.Context) error
}

// Writer fills one new batch, alone: concurrent Writers do not mix. It is not
// safe for concurrent use. The context of a call may end as soon as the call has
// returned.
type Writer interface {
	// Write adds any number of events; a batch may have none. Rows ascend within a batch, and times
	// are in the years 1970 to 9999. After Write has returned, the store keeps
	// neither the slice nor the Fields slices; it may keep the strings. The
	// events need not be durable before Commit. After an error, only Abort is
	// allowed.
	Write(ctx context.Context, events []metrics.Event) error

	// Attach appends a chunk to the attachment called name of this batch. The store does not keep the slice.
	Attach(ctx context.Context, name string, chunk []byte) error

	// Commit makes the batch durable and visible in one atomic step, with the
	// status uploaded. From b it takes FileName, SHA256, RejectedRows,
	// DuplicateRows, IdempotencyKey, KeyExpires, RepairOf and Created; the
	// store sets the other fields of the Batch that it returns. The
	// contribution is the sum of the events, and may be nil; the store keeps a
	// copy for Pending, and does not count it.
	//
	// Errors: ErrKeyTaken when another batch has b.IdempotencyKey at b.Created,
	// see BatchOfKey; ErrNotFound when the upload was
	// pruned. After an error the batch is not visible, or Commit may be called
	// again with the same arguments until it returns nil. After a key has
	// expired, another batch may have it. After ErrKeyTaken, Commit
	// returns nil once the key is free. A Commit that is repeated after nil
	// returns the same Batch and changes nothing.
	Commit(ctx context.Context, b Batch, pending metrics.Contribution) (Batch, error)

	// Abort removes what was written, and ends the Writer in every case, also
	// after a Commit that has failed. It does nothing to a batch that is
	// visible: neither after a Commit that has returned nil, nor after one that
	// has made the batch visible and yet returned an error. So it is safe to
	// defer. If ctx has ended, the rest is left to Prune.
	Abort(ctx context.Context) error
}

// PruneQuery selects what Prune removes.
type PruneQuery struct {
	// Before is the time before which a batch was created, or an unfinished
	// upload was last written to.
	Before time.Time
	// DryRun counts without removing.
	DryRun bool
}

// Pruned counts what Prune removed.
type Pruned struct {
	// Batches is the number of batches that were never queued.
	Batches int64
	// Events is the number of events in those batches, see Batch.Events.
	Events int64
	// Unfinished is the number of unfinished uploads.
	Unfinished int64
}
