// Package sqlitestore keeps batches, events and the ledger in one SQLite file.
// It needs no server and no cgo.
//
// Events are kept as compressed blocks of columns of about 16,000 rows, which
// takes a few bytes an event. They are written in short transactions under a
// batch that nobody sees; the last transaction makes it visible. The ledger
// has a row for each batch and day, and a rollup of each day changes in the
// same transaction, so that DayCount reads one small row a day however many
// batches there are.
//
// # Fingerprints
//
// What batches have claimed is kept in levels, each eight times as large as
// the one above, of leaves of about 2,000 fingerprints in ascending order. A
// call writes its claims into the leaves of an upper level, and moves what
// that cannot hold to the next one, so that it writes a bounded number of
// leaves however many fingerprints there are. A claim names its batch by
// number; when the batch is gone the claim is void, without a search for it,
// and is left out when its leaf is written next, or by Prune.
//
// # Durability
//
// The file is in WAL mode. Each transaction behind a promise (Commit,
// SetStatus, Record, Amend, DeleteBatch, Seal) is committed with
// synchronous=FULL: it syncs the WAL, and with it all earlier frames of the
// same WAL. The short transactions that write blocks and claims use
// synchronous=NORMAL, which syncs nothing but, at a checkpoint, first the WAL and then the
// database; so when Commit returns, each block is either in the synced WAL or
// in the synced database.
//
// # Space
//
// The space of deleted and sealed batches is used again by new ones; the file
// does not shrink by itself. To shrink it, run VACUUM on it with any SQLite
// tool while no batch is being written.
//
// # Processes
//
// One process is the intended use. Others may open the same file at the same
// time: SQLite's locks keep it correct, and a write waits up to ten seconds
// for the one before.
package sqlitestore
