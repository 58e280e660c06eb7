// Package rollup keeps a ledger in MongoDB, and the sums of the ledger by day.
// It is the part of mongostore that several processes change concurrently.
//
// MongoDB without transactions guarantees two things: a change of one document
// is atomic, and an insert of a taken _id fails. The protocol uses nothing
// else. Each write is guarded: it names in its filter what it replaces, and
// changes nothing if another process was first. So every write may be sent
// again, and every process may finish the work of another.
//
// A [Ledger] holds an entry per batch. The entry names a revision, and the
// shares of that revision count. A [Rollup] holds the sum of each day. The sums
// lag behind the ledger: a change of an entry is noted in the journal first,
// and folded into the sums later, together with others. A reader corrects the
// sums by what is noted.
//
// # An entry
//
//	              Record                     Amend, MarkPurged, again and again
//	(no entry) ------------> (counts R1) ------------> (counts R2)
//	    |                        |                         |
//	    | Void                   | Void                    | Void
//	    v                        v                         v
//	 (void) <--------------------+-------------------------+
//	    |
//	    | RemoveVoid, days later
//	    v
//	(no entry)
//
// Each change takes these steps. N is a new id: of the note, of the change and
// of the revision that it brings.
//
//	step  write                                    guarded by
//	1     insert note N into journal               unique _id
//	2     insert shares and groups of revision N   unique _id
//	3     Record: insert the entry                 unique _id, the batch
//	      Amend, MarkPurged, Void: update it       change is the one read
//	4     only if step 3 changed nothing:
//	      delete the shares of N, then note N
//
// Step 3 decides. Before it the change has no effect, after it every answer
// includes the change. MarkPurged and Void skip step 2: the one leaves the revision,
// the other names none. Void inserts the entry of a batch that
// has none, without a note, since there is nothing to fold.
//
//	process lost  leaves                      finished by
//	after 1 or 2  note N, perhaps shares of   the process that folds when the note is
//	              N, which never count        an hour old: it deletes both
//	after 3       nothing to repair           the process that folds: it folds the entry
//	within 4      note N, perhaps shares      as after 1
//
// # The rollup
//
// One document among those of the days has the state: epoch, generation, plan
// and garbage. Any process may make any move, [Rollup.FoldJournal] makes them
// all. "Replace" means: where epoch and generation are those that were read.
//
//	                 plan: replace the state with generation+1 and a plan
//	      +------------------------------------------------------+
//	      |                                                      v
//	(1) idle                                              (2) planned
//	 plan, garbage empty                                   steps From -> To per batch,
//	                                                       each purged or not
//	      ^                                                      |
//	      |                                                      | a. write the days
//	      | delete the shares of garbage,                        | b. mark the entries
//	      | then replace the state                               | c. replace the state
//	      |                                                      v
//	      +------------------------------------------------ (3) folded
//	                                                       plan empty, garbage: all From
//
//	any state: (lost collection, or Rebuild) note all entries under a new epoch,
//	then replace the state with an idle one of that epoch: all days are empty
//
// The moves and their guards:
//
//	move    write                                    guarded by
//	plan    read journal, then entries; read the     epoch, generation
//	        state again, it must be the same;
//	        replace state, also with an empty plan;
//	        only then remove notes of folded entries
//	a       insert details under date/generation;    unique _id
//	        insert or replace the day;               epoch, generation of the day
//	        delete the day's older details
//	b       set folded and epoch of the entry        folded, epoch that the plan has seen
//	c       replace the state, same generation       epoch, generation, plan not empty
//	3 to 1  delete shares of garbage; replace state  epoch, generation
//
// A day is before the plan (its generation is less than the state's) or after
// it (the same). A day that is written starts from a day before the plan, so a
// plan changes a day once, however many processes carry it out. Sketches cannot
// be subtracted: a day from which the plan takes something is summed again from
// all its shares. A step of a batch that was only purged changes the number of
// unpurged batches of its days, and leaves their details.
//
// The order of the last two steps of plan matters. A process that has read the
// entries earlier in the same state may still plan what they were then. If the
// notes of a later change were removed before, nothing would undo that plan. So the
// state moves first, and the other process fails to replace it.
//
//	process lost           leaves                      finished by
//	within plan            the idle state              the next that folds
//	within a, b, before c  days before and after the   any that folds: it does all steps
//	                       plan, some entries marked   again, guards skip what is done
//	between 3 and 1        shares that do not count    any that folds
//	within rebuild,        notes of an epoch that      any that folds, when they are an
//	before the new state   never was                   hour old
//
// A process that was held up, and goes on after others have finished the plan,
// finds no document that its guards select. One that goes on in an older epoch
// may still write a day or mark an entry of that epoch; the process that folds
// the new epoch sees a foreign epoch there, checks that its own state is still
// the current one, and replaces it.
//
// # A reader
//
// [Rollup.DayCounts] reads the state, the journal, the entries of all batches
// that the journal or the plan names, the days, and the state again. If the
// states differ it starts again. It compares the revision that each entry names
// with the one that a day has: From if the day is before the plan, To if it is
// after it, the entry's folded revision if the plan does not name the batch. It
// adds the shares of the former to the day and subtracts those of the latter.
// So an answer is of one state of the ledger, whatever the rollup is doing. A
// reader that meets notes wakes the folding in the background.
//
// [Rollup.UnpurgedDays] reads the same, and takes the days that have unpurged
// batches, and those of unpurged batches that are noted or in the plan. So it misses
// none, and may return a day until the change that took its last batch is folded.
//
// A query with AsOf reads the ledger and not the days. It sums the shares that
// count, and then checks that the same entries still choose the same shares.
//
// Each process keeps the counts of all days in memory, and the details that
// were used last. The keys of both include the generation. The find that reads
// days for memory also reads the state, before the days: a server that is behind
// answers with an older state, and what it says is not kept. The finds of one
// read are causally consistent, so another server that answers in the middle of
// it is not behind either.
//
// # Damage
//
// Documents have a checksum in sum, encoded contributions have their own. An entry
// that is damaged can only be made void. Shares that cannot be read whole are not
// folded: their note stays, and queries that need them fail. A damaged day fails
// until Rebuild, a damaged state is replaced by that of a new epoch. A document
// that another one names, and that is missing three times in a row, is lost.
//
// # Collections
//
// Dates are YYYY-MM-DD. A revision is the id of the note of its change. All but
// groups and details have sum, a checksum.
//
//	contributions  the entries; _id is the batch
//	               revision      whose shares count, "" for none
//	               void          deleted, never counts again
//	               change        note of the last change
//	               earlier       notes of up to 16 changes before it
//	               changed_at, recorded_at
//	               total_events  events of the revision
//	               cells         its days and types
//	               shares        its documents in shares and groups
//	               purged        the events of the batch are purged
//	               folded        the revision in the rollup of epoch
//	               folded_purged what that rollup has of purged
//	               epoch
//	               sum, folded_sum  checksums, the latter of folded and epoch
//	shares         _id is batch/revision/date/part, a part per 1,000 types
//	               batch_id, revision, date
//	               metrics       [{event_type, count}], for other tools
//	               slots         counts by quarter hour, encoded
//	               subjects      sketches, encoded
//	               groups        number of its documents in groups
//	groups         _id is that of the share/part, a part per 1,000 groups
//	               groups        counts by quarter hour of each, encoded
//	journal        _id is a note, or epoch/batch in a rebuild
//	               batch_id, noted_at
//	               epoch         only in a rebuild: that of the new rollup
//	dailymetrics   _id is the date; "rollup" is the state
//	               date          "" in the state; unique
//	               metrics       [{event_type, count}]
//	               spilled       over 10,000 types: see the details instead
//	               epoch, generation, updated_at
//	               written       the generation that its details have
//	               unpurged      number of its batches with purged false
//	               details       number of documents with totals in details
//	               groups        number of those with groups
//	    (state)    epoch, generation, format
//	               plan          [{batch_id, from, to, from_purged, to_purged,
//	                             was_folded, was_epoch}]
//	               garbage       [{batch_id, revision}]
//	details        _id is date/written/part, a part per 1,000 types, or
//	               date/written/gpart, a part per 1,000 groups
//	               slots, subjects
package rollup
