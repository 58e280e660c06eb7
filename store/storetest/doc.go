// Package storetest is the conformance suite for implementations of package
// store.
//
// The test of a store calls [Run] with a [Harness] that opens it. Each subtest
// checks one rule of package store, and quotes the rule when it fails. The
// rules of an optional interface are skipped if [store.As] does not find it.
//
//	func TestStoreKeepsTheRules(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			Open: func(t *testing.T) store.Store { return open(t, t.TempDir()) },
//		})
//	}
//
// Package memstore is the model of a store that passes.
//
// # Rules
//
// Each rule, with what it quotes from the documentation of package store:
//
//	a batch is invisible before Commit
//	    Store.Begin: until the Writer has committed, the batch is invisible to all other methods
//	        but Prune.
//	    Store.Batch: Errors: ErrNotFound.
//	an aborted batch leaves nothing
//	    Writer.Abort: removes what was written
//	Abort after Commit does nothing
//	    Writer.Abort: does nothing to a batch that is visible: neither after a Commit that has
//	        returned nil. So it is safe to defer.
//	Abort ends the Writer even with a cancelled context
//	    Writer.Abort: ends the Writer in every case. If ctx has ended, the rest is left to
//	        Prune.
//	    Store: only Writer.Abort ends its Writer.
//	a batch becomes visible whole
//	    Writer.Commit: makes the batch durable and visible in one atomic step
//	concurrent Writers do not mix
//	    Writer: fills one new batch, alone: concurrent Writers do not mix.
//	Begin of an id that is taken is ErrIDTaken
//	    Store.Begin: The id must be new. ErrIDTaken when a batch or another Writer has the id,
//	        or an archived batch had it.
//	Retainer: Begin of an id that an archived batch had is ErrIDTaken
//	    Store.Begin: The id must be new. ErrIDTaken when a batch or another Writer has the id,
//	        or an archived batch had it.
//	events keep rows, ids, types and fields exactly
//	    Store.Events: returns the events of a batch, ascending by row, exactly as they were
//	        written
//	events keep times to the nanosecond
//	    Store.Events: returns the events of a batch, ascending by row, exactly as they were
//	        written
//	    Writer.Write: times are in the years 1970 to 9999.
//	events keep awkward strings
//	    Store.Events: returns the events of a batch, ascending by row, exactly as they were
//	        written: no name, value, id or type is special.
//	a long batch comes back in order, however it was written
//	    Store.Events: returns the events of a batch, ascending by row, exactly as they were
//	        written
//	a batch may have no events
//	    Writer.Write: adds any number of events; a batch may have none.
//	Write keeps no slice
//	    Writer.Write: after Write has returned, the store keeps neither the slice nor the Fields
//	        slices
//	Events of an unknown batch is ErrNotFound
//	    Store.Events: ErrNotFound when the batch is unknown.
//	attachments keep their bytes in order
//	    Store.Attachment: returns the content of an attachment in chunks, whose bounds need not
//	        be those of Attach.
//	    Writer.Attach: appends a chunk to the attachment called name of this batch.
//	    Store: The content of an attachment is of any bytes.
//	attachments do not mix
//	    Store.Attachment: each name of each batch is an attachment of its own.
//	an unknown attachment yields nothing
//	    Store.Attachment: an attachment without content yields none. ErrNotFound when the batch
//	        is unknown
//	Attach keeps no slice
//	    Writer.Attach: the store does not keep the slice.
//	a reader of events that are removed gets all of them or an error
//	    Store.Events: a range yields all events that the batch had when it began, or ends with
//	        an error: ErrNotFound when the batch is unknown, or was deleted, pruned or archived
//	        meanwhile; ErrEventsPurged when the events were purged
//	    Store: it never ends early without an error.
//	a reader of an attachment that is removed gets all of it or an error
//	    Store.Attachment: a range yields all of the content that the attachment had when it
//	        began, or ends with an error: ErrNotFound when the batch is unknown, or was deleted,
//	        pruned or archived meanwhile
//	    Store: it never ends early without an error.
//	an event is valid until the next
//	    Store.Events: an Event and its Fields slice are valid until the next element, whatever
//	        is called meanwhile; the strings stay valid.
//	a chunk is valid until the next
//	    Store.Attachment: a chunk is valid until the next, whatever is called meanwhile.
//	Commit keeps what it takes
//	    Writer.Commit: makes the batch durable and visible in one atomic step, with the status
//	        uploaded. from b it takes FileName, SHA256, RejectedRows, DuplicateRows, IdempotencyKey,
//	        KeyExpires, RepairOf and Created; the store sets the other fields of the Batch that it
//	        returns.
//	Commit sets the other fields itself
//	    Writer.Commit: makes the batch durable and visible in one atomic step, with the status
//	        uploaded. from b it takes FileName, SHA256, RejectedRows, DuplicateRows, IdempotencyKey,
//	        KeyExpires, RepairOf and Created; the store sets the other fields of the Batch that it
//	        returns.
//	times of a batch are UTC to the millisecond
//	    Batch: times are UTC, cut to the millisecond; a zero time stays zero.
//	Commit may be repeated
//	    Writer.Commit: a Commit that is repeated after nil returns the same Batch and changes
//	        nothing.
//	Commit may be repeated after ErrKeyTaken
//	    Writer.Commit: after ErrKeyTaken, Commit returns nil once the key is free.
//	Abort ends the Writer after a Commit that failed
//	    Writer.Abort: ends the Writer in every case, also after a Commit that has failed.
//	Abort leaves a visible batch whole
//	    Writer.Abort: does nothing to a batch that is visible: neither after a Commit that has
//	        returned nil, nor after one that has made the batch visible and yet returned an error.
//	an idempotency key is taken until it expires
//	    Writer.Commit: ErrKeyTaken when another batch has b.IdempotencyKey at b.Created, see
//	        BatchOfKey
//	    Store.BatchOfKey: returns the batch that has an idempotency key at a time: the one whose
//	        IdempotencyKey it is, before its KeyExpires, or to which Deduper.TakeKey has given it.
//	        Errors: ErrNotFound.
//	an expired idempotency key is free
//	    Writer.Commit: after a key has expired, another batch may have it.
//	    Store.BatchOfKey: returns the batch that has an idempotency key at a time: the one whose
//	        IdempotencyKey it is, before its KeyExpires, or to which Deduper.TakeKey has given it.
//	        Errors: ErrNotFound.
//	the idempotency key of a removed batch is free
//	    Writer.Commit: ErrKeyTaken when another batch has b.IdempotencyKey at b.Created, see
//	        BatchOfKey
//	no idempotency key is no key
//	    Store.BatchOfKey: No batch has the empty key.
//	one of many concurrent commits gets the idempotency key
//	    Writer.Commit: ErrKeyTaken when another batch has b.IdempotencyKey at b.Created, see
//	        BatchOfKey
//	SetStatus moves a batch and sets LastError and Updated
//	    Store.SetStatus: moves a batch from one of the statuses in from to the status to, and
//	        sets LastError and Updated, in one atomic compare-and-set. A batch may be moved to the
//	        status that it has, if from includes it; that sets LastError and Updated too.
//	    Batch.Updated: the time of the last SetStatus, or that of Commit.
//	SetStatus compares before it sets
//	    Store.SetStatus: ErrConflict when the batch's status is not in from.
//	SetStatus of an unknown batch is ErrNotFound
//	    Store.SetStatus: Errors: ErrNotFound
//	one of many concurrent SetStatus wins
//	    Store.SetStatus: moves a batch from one of the statuses in from to the status to, and
//	        sets LastError and Updated, in one atomic compare-and-set.
//	Record shows the whole contribution
//	    Store.Record: DayCounts includes either nothing of the contribution or all of it.
//	Record counts once
//	    Store.Record: enters the contribution of a batch into the ledger, once: if the ledger
//	        has one for this batch already, it returns nil and changes nothing.
//	an empty contribution is a contribution
//	    Store.Record: an empty contribution is one too.
//	the first of many concurrent Records wins whole
//	    Store.Record: enters the contribution of a batch into the ledger, once: if the ledger
//	        has one for this batch already, it returns nil and changes nothing. DayCounts includes
//	        either nothing of the contribution or all of it.
//	Record does not change the status
//	    Store.Record: does not change the status.
//	Record of an unknown batch is ErrNotFound
//	    Store.Record: ErrNotFound when the batch is unknown
//	Record of a deleted batch is ErrNotFound
//	    Store.Record: ErrNotFound when the batch is unknown or was deleted, however long ago.
//	Record does not change or keep the contribution
//	    Store.Record: the store does not change or keep c.
//	Pending returns what Commit was given
//	    Store.Pending: returns the contribution that Commit was given, until Record has entered
//	        one into the ledger; then it returns nil. It also returns nil if Commit was given none.
//	        The contribution belongs to the caller.
//	Commit does not change or keep the pending contribution
//	    Writer.Commit: the contribution is the sum of the events, and may be nil; the store
//	        keeps a copy for Pending
//	a pending contribution does not count
//	    Writer.Commit: the store keeps a copy for Pending, and does not count it.
//	Record removes the pending contribution
//	    Store.Record: it removes the pending contribution
//	a removed batch has no pending contribution
//	    Store.Pending: Errors: ErrNotFound
//	the pending contribution survives the process
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	Pending concurrent with Record or DeleteBatch is whole or nothing
//	    Store.Pending: returns the contribution that Commit was given, until Record has entered
//	        one into the ledger; then it returns nil.
//	DayCounts of an empty ledger yields nothing
//	    Store.DayCounts: returns the part of the sum of the ledger that q selects, ascending by
//	        day, type and group: one DayCount for each day and event type that has events and, if q
//	        asks for groups, one for each group.
//	DayCounts sums and orders by day and type
//	    Store.DayCounts: returns the part of the sum of the ledger that q selects, ascending by
//	        day, type and group: one DayCount for each day and event type that has events and, if q
//	        asks for groups, one for each group. Types and groups are in byte order, a total before
//	        its groups.
//	DayCounts selects the days and types asked for
//	    metrics.Filter: From and To are the first and last UTC day, both included. Zero means no
//	        limit on that side. Types are the event types to keep; none means all.
//	DayCounts has Slots and Subjects only when asked
//	    metrics.DayCount: it is nil if a Filter did not ask for it. It is nil in a group, and if
//	        a Filter did not ask for it.
//	DayCounts has groups only when asked
//	    metrics.Filter: Groups asks for groups in addition to totals.
//	    Store.DayCounts: a query for totals must not read groups
//	DayCounts belong to the caller
//	    Store.DayCounts: They belong to the caller.
//	the daily metrics are the sum of the ledger
//	    Package store: the daily metrics are by definition the sum of the ledger.
//	the daily metrics are the sum of the ledger after concurrent changes
//	    Package store: the daily metrics are by definition the sum of the ledger.
//	sketches drop the subjects of a deleted batch
//	    Package store: the daily metrics are by definition the sum of the ledger.
//	    Store.DeleteBatch: DayCounts is then as if the batch had never existed.
//	readers never see a part of a batch
//	    Store.DayCounts: the DayCounts of one day are of one state of the ledger: each includes
//	        all of a batch or nothing of it.
//	no reader sees a part of a Record or DeleteBatch
//	    Store.DayCounts: the DayCounts of one day are of one state of the ledger: each includes
//	        all of a batch or nothing of it. So are those of a small answer: of up to 20 days and
//	        500 DayCounts.
//	Auditor: no reader sees a part of an Amend
//	    Store.DayCounts: the DayCounts of one day are of one state of the ledger: each includes
//	        all of a batch or nothing of it. So are those of a small answer: of up to 20 days and
//	        500 DayCounts.
//	DeleteBatch removes all of a batch and nothing else
//	    Store.DeleteBatch: removes a batch, its events, its attachments and its contribution.
//	        DayCounts is then as if the batch had never existed. What runs concurrently leaves
//	        nothing of it.
//	DeleteBatch of an unknown batch is ErrNotFound
//	    Store.DeleteBatch: Errors: ErrNotFound. A repeated call returns nil or ErrNotFound.
//	nothing remains when DeleteBatch races Record
//	    Store.DeleteBatch: removes a batch, its events, its attachments and its contribution.
//	        DayCounts is then as if the batch had never existed. What runs concurrently leaves
//	        nothing of it.
//	Prune removes old uploaded batches and no others
//	    Store.Prune: removes batches that were uploaded before q.Before and never queued, with
//	        their contributions. Times are compared to the millisecond. A batch in another status is
//	        not touched.
//	Prune counts without removing in a dry run
//	    PruneQuery.DryRun: counts without removing.
//	Prune counts no events that were erased
//	    Pruned.Events: is the number of events in those batches, see Batch.Events.
//	Prune removes old unfinished uploads
//	    Store.Prune: unfinished uploads: what a Writer has written that was neither committed
//	        nor aborted, and made its last call before q.Before. To save writes, a store may take
//	        the last call of a Writer for one that was up to a minute earlier, and while its process
//	        lives, for one that is made now. A Writer whose upload was pruned has ended: its Commit
//	        fails, and its Abort does nothing.
//	    Writer.Commit: ErrNotFound when the upload was pruned.
//	Prune keeps the upload of a Writer that wrote recently
//	    Store.Prune: unfinished uploads: what a Writer has written that was neither committed
//	        nor aborted, and made its last call before q.Before. To save writes, a store may take
//	        the last call of a Writer for one that was up to a minute earlier, and while its process
//	        lives, for one that is made now. A Writer whose upload was pruned has ended: its Commit
//	        fails, and its Abort does nothing.
//	    Writer.Commit: ErrNotFound when the upload was pruned.
//	Prune never removes a batch that was queued meanwhile
//	    Store.Prune: removes batches that were uploaded before q.Before and never queued, with
//	        their contributions. Times are compared to the millisecond. A batch in another status is
//	        not touched.
//	Prune takes an unfinished upload whole or not at all
//	    Store.Prune: unfinished uploads: what a Writer has written that was neither committed
//	        nor aborted, and made its last call before q.Before. To save writes, a store may take
//	        the last call of a Writer for one that was up to a minute earlier, and while its process
//	        lives, for one that is made now. A Writer whose upload was pruned has ended: its Commit
//	        fails, and its Abort does nothing.
//	    Writer.Commit: ErrNotFound when the upload was pruned.
//	nothing remains when Prune races Record
//	    Store.Prune: removes batches that were uploaded before q.Before and never queued, with
//	        their contributions. Times are compared to the millisecond. A batch in another status is
//	        not touched.
//	Batches lists the newest first
//	    Store.Batches: returns the batches for which q.Match holds, newest (greatest id) first.
//	Batches has a default and a greatest Limit
//	    BatchQuery.Limit: 0 means DefaultLimit, more than MaxLimit means MaxLimit.
//	pages neither repeat nor lose a batch
//	    BatchQuery.After: is the keyset cursor: it selects batches with a smaller id.
//	Batches filters as BatchQuery.Match does
//	    Store.Batches: returns the batches for which q.Match holds, newest (greatest id) first.
//	    BatchQuery.UpdatedBefore: selects the batches last changed before it, if not zero.
//	CountBatches counts the batches of each status, up to a limit
//	    Store.CountBatches: returns how many batches each of Statuses has, but at most limit,
//	        which is more than 0: a number of limit means that many or more.
//	    Store.CountBatches: the map belongs to the caller.
//	repairs are found by what they repair
//	    BatchQuery.RepairOf: selects the batches that repair this one
//	a repair outlives what it repairs
//	    Batch.RepairOf: stays when that batch is deleted.
//	the slice that Batches returns belongs to the caller
//	    Store.Batches: the slice belongs to the caller.
//	each range over an iterator runs the query again
//	    Store: an iterator does nothing before it is ranged over, yields at most one error,
//	        which is then the last element, and releases its resources on break. Each range runs the
//	        query again.
//	an iterator releases its resources on break
//	    Store: an iterator does nothing before it is ranged over, yields at most one error,
//	        which is then the last element, and releases its resources on break. Each range runs the
//	        query again.
//	the store works while an iterator is open
//	    Store: a method may be called inside a range over an iterator of the same Store
//	the store works while an iterator is open, with one connection
//	    Store: a method may be called inside a range over an iterator of the same Store, also if
//	        the store has one connection only.
//	a method whose context has ended fails and does nothing
//	    Store: after its ctx has ended, a method or iterator returns an error for which
//	        errors.Is(err, ctx.Err()) holds and errors.Is(err, ErrUnavailable) does not, also
//	        between two elements. A method that is called with such a ctx changes nothing.
//	a call of a Writer whose context has ended fails
//	    Store: after its ctx has ended, a method or iterator returns an error for which
//	        errors.Is(err, ctx.Err()) holds and errors.Is(err, ErrUnavailable) does not, also
//	        between two elements. A method that is called with such a ctx changes nothing.
//	    Writer.Commit: After an error the batch is not visible, or Commit may be called again
//	        with the same arguments until it returns nil.
//	a Writer goes on when the context of an earlier call has ended
//	    Writer: the context of a call may end as soon as the call has returned.
//	an iterator whose context ends stops
//	    Store: after its ctx has ended, a method or iterator returns an error for which
//	        errors.Is(err, ctx.Err()) holds and errors.Is(err, ErrUnavailable) does not, also
//	        between two elements. A method that is called with such a ctx changes nothing.
//	a database that cannot be reached is ErrUnavailable until it is back
//	    Store: while the database cannot be reached, each method and iterator returns
//	        ErrUnavailable, unless its ctx ends first. When it can be reached again, the same Store
//	        works.
//	what was committed survives the process
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	what was not committed is invisible after a lost process and can be pruned
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	    Store.Prune: unfinished uploads: what a Writer has written that was neither committed
//	        nor aborted, and made its last call before q.Before. To save writes, a store may take
//	        the last call of a Writer for one that was up to a minute earlier, and while its process
//	        lives, for one that is made now. A Writer whose upload was pruned has ended: its Commit
//	        fails, and its Abort does nothing.
//	    Writer.Commit: ErrNotFound when the upload was pruned.
//	the ledger survives the process
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	Harness.Reopen cuts the old handle off
//	    Harness.Reopen: what st does after that must not reach the data.
//	each change survives the process that is lost right after
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	each change survives a loss of power right after
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	Auditor: an Amend survives the process that is lost right after
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	Auditor: an Amend survives a loss of power right after
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	Deduper: a TakeKey survives the process that is lost right after
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	Deduper: a TakeKey survives a loss of power right after
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	Retainer: each removal survives the process that is lost right after
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	Retainer: each removal survives a loss of power right after
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	two processes: a batch is invisible before Commit
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: the daily metrics are the sum of the ledger
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: the daily metrics are the sum of the ledger after concurrent changes
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: no reader sees a part of a Record or DeleteBatch
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: one of many concurrent SetStatus wins
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: the first of many concurrent Records wins whole
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: one of many concurrent commits gets the idempotency key
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: Deduper: one of many concurrent commits and TakeKeys gets the idempotency key
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: nothing remains when DeleteBatch races Record
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: Prune takes an unfinished upload whole or not at all
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	two processes: one of several Writers gets a fingerprint
//	    Store: all methods are safe for concurrent use, by several processes too if the database
//	        is shared: each method sees what all methods did that have returned before.
//	Ping answers
//	    Store.Ping: returns nil if the database can be read and written now.
//	Auditor: Contribution returns what was recorded
//	    Auditor.Contribution: returns the contribution of a batch from the ledger. It belongs to
//	        the caller.
//	Auditor: Amend replaces a contribution
//	    Auditor.Amend: replaces the contribution of a batch in one atomic step.
//	Auditor: no contribution is ErrNotFound
//	    Auditor.Contribution: ErrNotFound when the batch is unknown or has no contribution.
//	    Auditor.Amend: ErrNotFound when the batch is unknown or has no contribution.
//	Auditor: Amend does not change or keep the contribution
//	    Auditor.Amend: The store does not change or keep c.
//	Auditor: nothing remains when DeleteBatch races Amend
//	    Store.DeleteBatch: removes a batch, its events, its attachments and its contribution.
//	        DayCounts is then as if the batch had never existed. What runs concurrently leaves
//	        nothing of it.
//	Auditor: Rebuild changes no answer that is right
//	    Auditor.Rebuild: Rebuild computes again, from the ledger, all sums that DayCounts reads
//	        instead of the ledger. It changes no answer that is the sum of the ledger. Rebuild may
//	        run concurrently with all other methods, and is safe to repeat.
//	Explainer: Explain returns the share of each batch
//	    Explainer.Explain: returns the share of each batch in the count of one day and event
//	        type, ascending by batch id. Batches without a share are left out. The counts sum to the
//	        Count of the DayCount, and the slots to its Slots.
//	Deduper: Claim answers with the batch that has each fingerprint
//	    Deduper.Claim: gives the batch of an open Writer those of the fingerprints that no batch
//	        has. For each one, in the order of fps, it returns the id of the batch that had it, or
//	        "" if the batch has got it now.
//	Deduper: fingerprints that differ in one bit are different
//	    Deduper: Claim gives a fingerprint to at most one batch.
//	Deduper: a repeat has the id of its own batch
//	    Deduper.Claim: gives the batch of an open Writer those of the fingerprints that no batch
//	        has. For each one, in the order of fps, it returns the id of the batch that had it, or
//	        "" if the batch has got it now. If fps has one twice, the answer for the second is the
//	        id of the batch itself.
//	Deduper: Claim does not change or keep the fingerprints
//	    Deduper.Claim: the store does not change or keep fps, and the answer belongs to the
//	        caller.
//	    Deduper.Owners: The store does not keep fps, and the answer belongs to the caller.
//	Deduper: Owners returns visible batches and changes nothing
//	    Deduper.Owners: returns the id of the visible or archived batch that has each
//	        fingerprint, or of one of them, in the order of fps, and "" where no batch has it. It
//	        changes nothing.
//	Deduper: a fingerprint of an open Writer is ErrClaimed
//	    Deduper.Claim: ErrClaimed when the open Writer of another batch has one of the
//	        fingerprints. The other ids in the answer are those of visible and archived batches.
//	Deduper: a Writer can be used after ErrClaimed
//	    Deduper.Claim: The Writer can be used after ErrClaimed
//	Deduper: Claim needs an open Writer
//	    Deduper.Claim: ErrNotFound when id is not the batch of an open Writer.
//	Deduper: claims end with their batch
//	    Deduper.Claim: Claims need not be durable before Commit.
//	    Deduper: A batch keeps its fingerprints when its events are purged and when it is
//	        archived. A fingerprint is free again when each batch that has it is deleted or pruned,
//	        or its Writer is aborted.
//	Deduper: PurgeEvents keeps claims
//	    Deduper.Claim: Claims need not be durable before Commit.
//	    Deduper: A batch keeps its fingerprints when its events are purged and when it is
//	        archived. A fingerprint is free again when each batch that has it is deleted or pruned,
//	        or its Writer is aborted.
//	Deduper: Claim may run concurrently with the Writer
//	    Deduper.Claim: Claim may run concurrently with the methods of the Writer.
//	Deduper: one of several Writers gets a fingerprint
//	    Deduper: Claim gives a fingerprint to at most one batch.
//	Deduper: many fingerprints are known as well as few
//	    Deduper.Claim: gives the batch of an open Writer those of the fingerprints that no batch
//	        has. For each one, in the order of fps, it returns the id of the batch that had it, or
//	        "" if the batch has got it now.
//	Deduper: claims survive the process
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	    Deduper.Claim: ErrClaimed when the open Writer of another batch has one of the
//	        fingerprints. The other ids in the answer are those of visible and archived batches.
//	Deduper: a silent Writer keeps its claims
//	    Deduper.Claim: A Writer keeps its claims while its process lives, however long it makes
//	        no call
//	Deduper: claims of a lost process end
//	    Deduper.Claim: ClaimTimeout after the loss of its process, a Claim takes what it has.
//	Deduper: claims are like those in a map
//	    Deduper.Claim: gives the batch of an open Writer those of the fingerprints that no batch
//	        has. For each one, in the order of fps, it returns the id of the batch that had it, or
//	        "" if the batch has got it now.
//	    Deduper.Claim: Claims need not be durable before Commit.
//	    Deduper: A batch keeps its fingerprints when its events are purged and when it is
//	        archived. A fingerprint is free again when each batch that has it is deleted or pruned,
//	        or its Writer is aborted.
//	Deduper: AddOwner gives a fingerprint to a further batch
//	    Deduper: AddOwner adds others.
//	    Deduper.AddOwner: makes the batch of an open Writer one of the batches that have a
//	        fingerprint, also if others have it.
//	Deduper: AddOwner counts from Commit on
//	    Deduper.AddOwner: It counts from Commit on: until then neither Claim nor Owners knows of
//	        it. It may run concurrently with the methods of the Writer, and is safe to repeat.
//	Deduper: AddOwner needs an open Writer
//	    Deduper.AddOwner: ErrNotFound when id is not the batch of an open Writer.
//	Deduper: a further owner that is archived keeps the fingerprint
//	    Deduper: AddOwner adds others.
//	    Deduper.AddOwner: makes the batch of an open Writer one of the batches that have a
//	        fingerprint, also if others have it.
//	Deduper: a further owner survives the process
//	    Store: a method returns when its effect is durable, so that it survives the loss of the
//	        process, of the database server or of the power right after.
//	    Deduper: AddOwner adds others.
//	    Deduper.AddOwner: makes the batch of an open Writer one of the batches that have a
//	        fingerprint, also if others have it.
//	Deduper: TakeKey gives a batch further idempotency keys
//	    Deduper: It also keeps the idempotency keys of requests that were answered with a batch
//	        which was there.
//	    Deduper.TakeKey: gives a visible batch a further idempotency key, in one atomic step:
//	        that of a request which was answered with the batch, since it has the same content. The
//	        batch has the key until expires, which is cut to the millisecond, or until it is
//	        deleted, pruned or archived. No field of the Batch changes. A batch may have any number
//	        of keys.
//	Deduper: a key that a batch has is not given to another
//	    Deduper.TakeKey: If it has the key at now already, nothing changes. It is safe to
//	        repeat. Errors: ErrNotFound; ErrKeyTaken when another batch has the key at now.
//	Deduper: a further idempotency key expires
//	    Deduper: It also keeps the idempotency keys of requests that were answered with a batch
//	        which was there.
//	    Deduper.TakeKey: gives a visible batch a further idempotency key, in one atomic step:
//	        that of a request which was answered with the batch, since it has the same content. The
//	        batch has the key until expires, which is cut to the millisecond, or until it is
//	        deleted, pruned or archived. No field of the Batch changes. A batch may have any number
//	        of keys.
//	Deduper: further idempotency keys go with their batch
//	    Deduper: It also keeps the idempotency keys of requests that were answered with a batch
//	        which was there.
//	    Deduper.TakeKey: gives a visible batch a further idempotency key, in one atomic step:
//	        that of a request which was answered with the batch, since it has the same content. The
//	        batch has the key until expires, which is cut to the millisecond, or until it is
//	        deleted, pruned or archived. No field of the Batch changes. A batch may have any number
//	        of keys.
//	Deduper: EraseNames frees further idempotency keys
//	    Retainer.EraseNames: removes names that the sender has chosen from a visible batch, in
//	        one atomic step, whatever its status: FileName becomes ErasedName, IdempotencyKey
//	        becomes empty, and all keys of the batch are free: it and those of Deduper.TakeKey.
//	        Nothing else changes, Updated among it. It is safe to repeat. Errors: ErrNotFound.
//	Deduper: Keys lists all keys of a batch
//	    Deduper.Keys: returns the idempotency keys of a batch in byte order: its IdempotencyKey,
//	        if it has one, and those of TakeKey, also those that have expired and that no other
//	        batch has and Prune has not removed. The slice belongs to the caller. Errors:
//	        ErrNotFound.
//	Deduper: Prune removes expired further keys
//	    Deduper.TakeKey: Prune removes keys that have expired before PruneQuery.Before.
//	Deduper: one of many concurrent commits and TakeKeys gets the idempotency key
//	    Deduper.TakeKey: If it has the key at now already, nothing changes. It is safe to
//	        repeat. Errors: ErrNotFound; ErrKeyTaken when another batch has the key at now.
//	AsOf is the sum of what was recorded until then
//	    metrics.Filter: keeps the contributions that were recorded at that moment, to the
//	        millisecond, or before it, as they are now.
//	    Store.DayCounts: With q.AsOf the sum does not include what was recorded later
//	AsOf keeps what else the query asks for
//	    metrics.Filter: keeps the contributions that were recorded at that moment, to the
//	        millisecond, or before it, as they are now.
//	    Store.DayCounts: With q.AsOf the sum does not include what was recorded later
//	AsOf does not bring a deleted batch back
//	    metrics.Filter: keeps the contributions that were recorded at that moment, to the
//	        millisecond, or before it, as they are now.
//	    Store.DayCounts: With q.AsOf the sum does not include what was recorded later
//	    Store.DeleteBatch: DayCounts is then as if the batch had never existed.
//	AsOf includes what happened to a contribution since
//	    metrics.Filter: keeps the contributions that were recorded at that moment, to the
//	        millisecond, or before it, as they are now.
//	    Store.DayCounts: With q.AsOf the sum does not include what was recorded later
//	    Store.DayCounts: With q.Ledger the sum is the same
//	Ledger changes no answer
//	    metrics.Filter: Ledger asks for the same answer, computed now from the contributions
//	        themselves and from no sums that a store keeps of them.
//	    Store.DayCounts: With q.Ledger the sum is the same
//	AsOf counts archived batches
//	    metrics.Filter: keeps the contributions that were recorded at that moment, to the
//	        millisecond, or before it, as they are now.
//	    Store.DayCounts: With q.AsOf the sum does not include what was recorded later
//	    Retainer.Archive: the answers of DayCounts do not change
//	Auditor: Amend keeps the time of recording
//	    Store.Record: The store notes the time, for the AsOf of queries; Amend does not change
//	        that time.
//	    Store: Times that the store sets are those of its own process, UTC, cut to the
//	        millisecond
//	Retainer: PurgeEvents removes the events and keeps the rest
//	    Retainer.PurgeEvents: removes the raw events of a completed batch and sets
//	        Batch.EventsPurged. The contribution stays. It does nothing if the events were purged
//	        before.
//	Retainer: only a completed batch is purged
//	    Retainer.PurgeEvents: Errors: ErrNotFound; ErrConflict when the batch is not completed,
//	        even if its events were purged before.
//	Retainer: UnpurgedDays misses no day
//	    Retainer.UnpurgedDays: returns the days, ascending, to which a batch contributes whose
//	        events are not purged. From and to are included; zero means no limit, as in
//	        metrics.Filter. No such day is missing. The slice belongs to the caller.
//	Retainer: UnpurgedDays drops the days of purged batches
//	    Retainer.UnpurgedDays: returns the days, ascending, to which a batch contributes whose
//	        events are not purged. A day may be listed for some time after its last such batch was
//	        purged, amended or deleted.
//	Retainer: Archive removes a batch and keeps its counts
//	    Retainer.Archive: removes a completed and purged batch and its attachments, and keeps
//	        its contribution: the answers of DayCounts do not change, and Explain still returns its
//	        id. For all other methods, Record and Amend among them, the batch is unknown from then
//	        on, so that its counts are permanent.
//	Retainer: nothing changes the counts of an archived batch
//	    Retainer.Archive: removes a completed and purged batch and its attachments, and keeps
//	        its contribution: the answers of DayCounts do not change, and Explain still returns its
//	        id. For all other methods, Record and Amend among them, the batch is unknown from then
//	        on, so that its counts are permanent.
//	Retainer: an archived batch keeps its fingerprints
//	    Retainer.Archive: In a Deduper it keeps its fingerprints, so that its rows cannot count
//	        again.
//	Retainer: only a purged batch is archived
//	    Retainer.Archive: Errors: ErrNotFound; ErrConflict when the batch is not completed or
//	        not purged.
//	Retainer: counts of an archived batch survive a lost process
//	    Retainer.Archive: removes a completed and purged batch and its attachments, and keeps
//	        its contribution: the answers of DayCounts do not change, and Explain still returns its
//	        id. For all other methods, Record and Amend among them, the batch is unknown from then
//	        on, so that its counts are permanent.
//	Retainer: ReplaceAttachment replaces one attachment
//	    Retainer.ReplaceAttachment: replaces the content of an attachment of a visible batch in
//	        one atomic step. Content without chunks removes the attachment. The store may range over
//	        content more than once, and keeps no chunk.
//	Retainer: an error of the content changes nothing
//	    Retainer.ReplaceAttachment: if content yields an error, that error is returned and
//	        nothing changes.
//	Retainer: a reader of an attachment gets one content or ErrChanged
//	    Retainer.ReplaceAttachment: a range over the attachment that has begun yields all of the
//	        old content, or ends with ErrChanged.
//	    Store.Attachment: ErrChanged when the attachment was replaced meanwhile.
//	Retainer: the last of several concurrent replacements wins
//	    Retainer.ReplaceAttachment: the last of several concurrent calls wins.
//	Retainer: ReplaceAttachment without a batch is ErrNotFound
//	    Retainer.ReplaceAttachment: Errors: ErrNotFound.
//	Retainer: Erase removes the selected events
//	    Retainer.Erase: removes the events that e selects in one atomic step. It adds their
//	        number to Batch.Erased, sets Batch.Erasure, and returns the number. If e selects no
//	        events, nothing changes. AcceptedRows, the ledger and the attachments stay as they are.
//	Retainer: Erase takes fields and values literally
//	    Erasure.Field: select the events for which Event.Field(Field) is Value.
//	Retainer: Erase works in every status
//	    Retainer.Erase: whatever the status of the batch.
//	Retainer: a reader of events gets all of them or ErrChanged
//	    Retainer.Erase: a range over the events that has begun yields all that were there
//	        before, or ends with ErrChanged.
//	    Store.Events: ErrChanged when some were erased meanwhile.
//	Retainer: Erase names the reason why it cannot erase
//	    Retainer.Erase: Errors: ErrNotFound; ErrEventsPurged; ErrConflict when Batch.Erasure is
//	        neither e.After nor e.ID.
//	Retainer: one of several concurrent erasures succeeds
//	    Retainer.Erase: in one atomic step; ErrConflict when Batch.Erasure is neither e.After
//	        nor e.ID.
//	Retainer: erased events do not come back
//	    Retainer.Erase: removes the events that e selects in one atomic step. It adds their
//	        number to Batch.Erased, sets Batch.Erasure, and returns the number. If e selects no
//	        events, nothing changes. AcceptedRows, the ledger and the attachments stay as they are.
//	Retainer: EraseNames removes the names that are asked for
//	    Retainer.EraseNames: removes names that the sender has chosen from a visible batch, in
//	        one atomic step, whatever its status: FileName becomes ErasedName, IdempotencyKey
//	        becomes empty, and all keys of the batch are free: it and those of Deduper.TakeKey.
//	        Nothing else changes, Updated among it. It is safe to repeat. Errors: ErrNotFound.
//	Retainer: an idempotency key that was erased is free
//	    Retainer.EraseNames: removes names that the sender has chosen from a visible batch, in
//	        one atomic step, whatever its status: FileName becomes ErasedName, IdempotencyKey
//	        becomes empty, and all keys of the batch are free: it and those of Deduper.TakeKey.
//	        Nothing else changes, Updated among it. It is safe to repeat. Errors: ErrNotFound.
//	Retainer: Scrub changes nothing that can be read
//	    Retainer.Scrub: finishes what removes data. It is safe to repeat.
//	Retainer: after Scrub no byte is left of what was removed
//	    Retainer.Scrub: after it has returned nil, the files and collections of the store have
//	        no bytes of what Erase, EraseNames, ReplaceAttachment, SetStatus, PurgeEvents, Archive
//	        and DeleteBatch have removed or replaced before the call.
//	Inspector: Inspect finds no damage where there is none
//	    Inspector.Inspect: checks a part of what the store keeps: the part that begins at a
//	        place, or the first part if it is empty. Going on at Inspection.Next until that is empty
//	        checks everything but the events of completed batches, which an audit recounts.
//	    Inspector.Inspect: Inspect changes nothing and repairs nothing.
//	Inspector: Inspect finds no damage while the store changes
//	    Inspector.Inspect: checks a part of what the store keeps: the part that begins at a
//	        place, or the first part if it is empty. Going on at Inspection.Next until that is empty
//	        checks everything but the events of completed batches, which an audit recounts.
//	    Inspector.Inspect: a place stays valid when the store changes.
//	Inspector: Inspect names the batch that is damaged
//	    Inspector.Inspect: checks a part of what the store keeps: the part that begins at a
//	        place, or the first part if it is empty. Going on at Inspection.Next until that is empty
//	        checks everything but the events of completed batches, which an audit recounts.
//	    Inspector.Inspect: what is damaged is in the answer and no error.
//	strings of all characters are kept byte for byte
//	    Store: All strings are valid UTF-8 without NUL, otherwise of any characters, and of at
//	        most 4 KiB, names of attachments among them. A store keeps them byte for byte, and two
//	        strings are equal only if their bytes are.
//	strings that look alike are different
//	    Store: All strings are valid UTF-8 without NUL, otherwise of any characters, and of at
//	        most 4 KiB, names of attachments among them. A store keeps them byte for byte, and two
//	        strings are equal only if their bytes are.
//	an id of any characters that is no batch is not found
//	    Store: All strings are valid UTF-8 without NUL, otherwise of any characters, and of at
//	        most 4 KiB, names of attachments among them. A store keeps them byte for byte, and two
//	        strings are equal only if their bytes are.
//	    Store.Batch: ErrNotFound.
package storetest
