// Package mongostore keeps batches, events and the ledger in MongoDB, for any
// number of processes at once. It needs neither transactions nor a replica
// set, only that a change of one document is atomic and that an insert of a
// taken key fails.
//
// # Collections
//
//	events         one document an event, its columns by name, so that people
//	               can query them with their own tools; unique batch_id+event_id
//	batches        one document a batch; unique batch_id
//	attachments    named blobs of a batch, in pieces
//	keys           who has an idempotency key
//	fingerprints   which batch has a row: one document a row, none without
//	               a Deduper's caller; _id is the fingerprint
//	contributions  the ledger: one entry a batch, inserted once
//	shares         what an entry says of one day
//	groups         the breakdown of a share by dimensions, if there is one
//	journal        batches whose entry changed and is not in the rollup yet
//	dailymetrics   the rollup: one document a day; unique date
//	details        quarter hours, sketches and groups of the days of the rollup
//
// An event is {_id, batch_id, event_id, event_type, timestamp, …columns}. Where
// the file has no event id, event_id is the number of the row; where an id
// repeats within a file, the later one is id%row. A column whose name MongoDB
// could not take, or that has the name of one of ours, is percent-encoded.
//
// # The ledger and its rollup
//
// An entry of the ledger names a revision, whose shares are written before it;
// so one document decides whether, and how, a batch counts. A change first
// notes the batch in the journal, then changes the entry. Whoever reads adds
// to the rollup what the entries of the journal's batches say; whoever settles
// folds them into the rollup, many at once, and takes them out of the journal.
// The rollup moves from one generation to the next by writing its plan in one
// document and carrying it out, which anybody may finish. A reader who meets a
// half-done plan does the rest of it in memory, and one who meets a newer
// generation starts again, so that every answer is of one state.
//
// The rollup is a cache: [Store.Rebuild] makes it anew from the ledger, and so
// does the next reader when the collection was dropped.
//
// # Fingerprints
//
// A document {_id, batch_id, call} says which batch has a fingerprint, and
// which call of Claim put it there. Claim inserts documents; where one is there
// already, what its batch is decides: a visible one has the fingerprint, one
// that is gone loses it, by an update that names both. So nothing has to be
// removed before a fingerprint is free; what a batch had is removed with it or,
// if its process was lost, by Prune.
//
// # Resending
//
// Each command may be sent again after a timeout: inserts are by a key that
// is known before, updates name what they replace, and the call in a
// fingerprint's document tells a Claim what it has done itself. The package does so itself,
// for as long as Options.RetryFor.
package mongostore
