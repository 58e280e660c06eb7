// Package mongostore stores batches, events and the ledger in a MongoDB
// database, for any number of concurrent processes. It needs no transactions
// and no replica set. It relies on two guarantees only: a change of one document
// is atomic, and an insert of a taken key fails.
//
// # Collections
//
//	events         a document per event, with its columns by name, so that other
//	               tools can query them; unique batch_id+event_id
//	blocks         or a document per 16,000 events, see Blocks
//	batches        a document per batch; unique batch_id
//	attachments    named blobs of a batch, in pieces of 1 MiB
//	keys           the batch that has an idempotency key, own or further
//	fingerprints   the batch that has a row or a file; _id is the fingerprint
//	layout         the version of all this; a newer one is refused (ErrVersion)
//	deployment     an id of the database, made by ID
//
// The others are those of the ledger and the daily sums: contributions, shares,
// groups, journal, dailymetrics and details. Package internal/rollup has their
// fields, and a drawing of how processes change them concurrently. Of these,
// dailymetrics is of use to other tools: it has a document per day with the
// count of each event type; unique date.
//
// An event is {_id, batch_id, event_id, event_type, timestamp, …columns}. Where
// the file has no event id, event_id is the number of the row. Where an id
// repeats in a file, the later one is stored as id%row. The name of a column is
// percent-encoded if MongoDB does not take it or a member above has it.
//
// # Blocks
//
// With Options.Events set to Blocks, the events of new batches are columns of some
// 16,000 rows each, in the encoding of package columnar. A block is {_id, batch_id,
// data}, at most 4 MiB and one row, with the _id batch/generation/number: there is no
// other index. The document of the batch names the generation whose blocks are its
// events, and their number, so each batch has the layout that it was added with,
// and reading does not depend on the Options. An erasure names another generation
// in copies, writes it without the erased events, and then makes it that of the batch.
// Blocks of earlier generations are in stale_blocks until they are deleted. Whichever
// generation a batch does not name is left of a lost process.
//
// # Batches
//
// One document decides. A batch is visible if the status of its document is one
// of store.Statuses. A Writer inserts events while the status is uploading; its
// Commit changes the status. A deleted batch is one whose entry in the ledger is
// void, and an archived one has a status of its own. Whatever belongs to a batch
// that is not visible any more is deleted after that, and its document last. If
// the process is lost before, Prune finds the document and deletes the rest.
//
// # Checksums
//
// The documents of batches and keys, and those of the ledger and the daily sums,
// have a checksum in sum. The document of a batch has those of the pieces of its
// attachments (pieces) and of its last further keys (keys), and sums over its events
// or blocks (events_sum) and its fingerprints (claims, claims_sum). What differs is metrics.ErrCorrupt. A document without sum
// was written by version 1 of the layout and is not checked.
//
// # Fingerprints
//
// A document {_id, batch_id, claim} names the batch that has a fingerprint, and
// the call of Claim that wrote it, with a checksum of batch_id. Claim inserts documents. Where one is there
// already, the state of its batch decides: a visible batch keeps the fingerprint,
// a deleted one loses it by an update that names both batches. So a fingerprint
// is free without anything being removed. A document whose _id is text names a
// further owner of a fingerprint, which AddOwner has added. The documents of a
// batch are removed with it or, if its process is lost, by Prune.
//
// # Retries
//
// The package sends each command again after a network error, a timeout or a
// change of the primary, for up to Options.RetryFor. All commands are safe to
// repeat: inserts have a key that is chosen before, updates name what they
// replace, and the call in a fingerprint's document tells a Claim which documents
// are its own.
package mongostore
