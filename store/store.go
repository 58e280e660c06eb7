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
// database is shared. Methods return when what they say is durable, or with an
// error; an error that is not one of the package's sentinels, or is
// ErrUnavailable, says nothing about whether the change happened, and every
// method but Begin may then be called again with the same arguments. Batch ids are chosen by the caller;
// they are UUIDv7 text, so that ascending ids are ascending in time.
//
// A method or iterator whose ctx has ended returns an error for which
// errors.Is(err, ctx.Err()) holds, between two elements too. A method may be
// called within the body of a range over an iterator of the same Store.
//
// Iterators do nothing before they are ranged over, yield at most one error
// and that last, release their resources on break, and query anew each time
// they are ranged over.
type Store interface {
	// Begin starts a new batch and returns the Writer that fills it. The batch
	// stays invisible to every other method but Prune until the Writer has
	// committed. The caller must call Commit or Abort. The id must be new.
	Begin(ctx context.Context, id string) (Writer, error)

	// Batch returns a batch. Errors: ErrNotFound.
	Batch(ctx context.Context, id string) (Batch, error)

	// Batches returns the batches that q selects, newest (greatest id) first.
	// The slice belongs to the caller.
	Batches(ctx context.Context, q BatchQuery) ([]Batch, error)

	// Events returns the events of a batch, ascending by row, exactly as they
	// were written. An Event and its Fields slice are valid until the next
	// one. Errors: ErrNotFound for a batch that is unknown, ErrEventsPurged for one
	// whose events were purged, ErrChanged when some were erased meanwhile.
	Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error]

	// Attachment returns the chunks of a batch's attachment in the order in
	// which they were attached, joined or split as the store likes; a name
	// without chunks yields none. A chunk is valid until the next. Errors:
	// ErrNotFound when the batch is unknown; ErrChanged when the attachment was
	// replaced or removed meanwhile.
	Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error]

	// SetStatus moves a batch from one of the statuses in from to status to
	// and sets its Cause, in one atomic compare-and-set. Moving a batch to the
	// status that it has is allowed if from names it. Errors: ErrNotFound;
	// ErrConflict when the batch's status is not in from.
	SetStatus(ctx context.Context, id string, from []Status, to Status, cause string) error

	// Record enters the contribution of a batch into the ledger, once: it
	// returns nil and changes nothing if the ledger has one for this batch
	// already. It is the commit point of processing: DayCounts shows either
	// nothing of the contribution or all of it. The store notes with it the
	// moment of its own clock, cut to the millisecond, for the AsOf of queries;
	// Amend keeps that moment. It deletes the attachment PendingContribution. It does not change the status. The store does not
	// change or keep c. Errors: ErrNotFound when the batch is unknown or was
	// deleted, however long ago.
	Record(ctx context.Context, id string, c metrics.Contribution) error

	// DayCounts returns the sum of the ledger that q selects: one DayCount for each
	// day and event type that has events, and one for each of its groups if q
	// asks for them, ascending by day, then type, then group. The DayCounts
	// belong to the caller. Whoever asks for totals should not pay for groups,
	// of which there may be a thousand times as many. All of them come from one
	// state of the ledger per day at least: no day shows a part of a batch's
	// day. With q.AsOf the sum leaves out what was recorded later; it is then
	// read from the contributions themselves, day by day, in bounded memory.
	DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error]

	// DeleteBatch removes a batch, its events, its attachments and its
	// contribution. Afterwards DayCounts is as if the batch had never been.
	// Errors: ErrNotFound; a repeated call may return nil or ErrNotFound.
	DeleteBatch(ctx context.Context, id string) error

	// Prune removes the uploaded (never queued) batches created before
	// q.Before and the remainders of Writers that were neither committed nor
	// aborted and last wrote before it. It never touches a batch of another
	// status. A live Writer whose remainder was pruned fails on Commit.
	Prune(ctx context.Context, q PruneQuery) (Pruned, error)

	// Ping returns nil if the database can be read and written now.
	Ping(ctx context.Context) error
}

// Writer fills one new batch. It is not safe for concurrent use. The context
// of a call may end as soon as the call has returned.
type Writer interface {
	// Write adds events, none or many; rows ascend within a batch, and times
	// are of the years 1970 to 9999. The store keeps neither the slice nor the
	// Fields slices after Write has returned; it may keep the strings. It need
	// not be durable before Commit. After an error only Abort is of use.
	Write(ctx context.Context, events []metrics.Event) error

	// Attach appends a chunk to the attachment called name of this batch. The
	// store does not keep the slice.
	Attach(ctx context.Context, name string, chunk []byte) error

	// Commit makes the batch durable and visible, atomically, with the status
	// uploaded. It takes FileName, SHA256, Failed, Duplicates, IdempotencyKey,
	// KeyExpires, Repairs and Created from b; the rest of the returned Batch is
	// the store's.
	// Errors: ErrKeyTaken when a batch with the same IdempotencyKey exists
	// whose KeyExpires is after b.Created; ErrNotFound when the remainder was
	// pruned. After an error the batch is not visible, or Commit may be called
	// again with the same b until it returns nil. Once a key has expired,
	// another batch may have it; Batches by key then returns the holder first,
	// and the earlier one behind it or no more.
	Commit(ctx context.Context, b Batch) (Batch, error)

	// Abort removes what was written. It does nothing after a Commit that
	// returned nil. It ends the Writer in every case, even if ctx has ended
	// (what is left then is for Prune), so that "defer w.Abort(ctx)" is right
	// whatever happens.
	Abort(ctx context.Context) error
}

// PendingContribution is the name of the attachment that holds the
// contribution summed while the batch was uploaded, until Record has entered
// it into the ledger.
const PendingContribution = "contribution"

// PruneQuery selects what Prune removes.
type PruneQuery struct {
	// Before is the moment before which a batch must have been created, or a
	// remainder last written.
	Before time.Time
	// DryRun counts without removing.
	DryRun bool
}

// Pruned counts what Prune removed.
type Pruned struct {
	// Batches is the number of committed batches.
	Batches int64
	// Events is the number of events in those batches.
	Events int64
	// Remainders is the number of unfinished batches.
	Unfinished int64
}
