// Package sqlitestore keeps batches, events and the ledger in one SQLite file.
// It needs no server and no cgo.
//
// Events are kept in compressed blocks of columns, about 16,000 rows each, which
// takes a few bytes per event. They are written in short transactions under a
// batch that is not visible; the last transaction makes it visible. The ledger
// has a row for each batch and day. The sum of each day changes in the same
// transaction, so that DayCounts reads one small row per day however many batches
// there are.
//
// # Fingerprints
//
// Claims of fingerprints are kept in leaves of about 2,000, in ascending order.
// The leaves are in levels, each eight times as large as the one above. A call
// writes its claims into the leaves of an upper level and moves what is too much
// to the next one. It takes several transactions if the claims are spread over many
// leaves, so that others can write in between. A claim has the number of its batch. When the batch is
// removed, the claim is void without being searched for. It is left out when
// its leaf is written again, or removed by Prune.
//
// # Durability
//
// The file is in WAL mode. Each transaction whose effect must be durable (that of
// Commit, SetStatus, Record, Amend, DeleteBatch and the methods of Retainer) is
// committed with synchronous=FULL, which syncs the WAL and all earlier frames in
// it. The short transactions that write blocks and claims use
// synchronous=NORMAL, which syncs only at a checkpoint: first the WAL, then the
// database. So when Commit returns, each block is either in the synced WAL or in
// the synced database.
//
// # Upgrades
//
// A file has a version, which changes with the tables. Open migrates a file of an
// earlier release, one version after the other, each in one transaction. If the
// process is lost meanwhile, the next Open continues. An earlier release cannot
// read the file then: back it up before an upgrade. A file of a later release is
// refused unchanged, with [ErrVersion].
//
// # Space
//
// New batches use the space of deleted and purged ones again, which is
// overwritten with zeros when it becomes free. The file itself does not shrink;
// VACUUM INTO writes a smaller copy.
//
// When the disk is nearly full (see [Options].Reserve), uploads fail with
// store.ErrFull. Everything else goes on as long as it can. What a failed upload
// has written is given back at once, to the file.
//
// # Processes
//
// One process is the intended use. Several processes may open the same file:
// SQLite's locks keep it correct, and a write waits up to ten seconds for the
// one before.
package sqlitestore
