// Package memstore is a store in memory, and the model for authors of stores:
// it keeps every promise of package store, all optional interfaces included, in
// as little code as possible.
//
// # Reading the code
//
// One mutex guards four maps. Read the files in this order:
//
//   - store.go has the maps, the batches and their statuses.
//   - writer.go fills a new batch. A batch moves from the map of open writers
//     to the map of batches in one step, so it is visible as a whole or not at
//     all.
//   - read.go returns the events and attachments of a batch.
//   - ledger.go is the heart of a store: contributions are entered once, and
//     the daily metrics are their sum. It has Auditor and Explainer too.
//   - remove.go deletes and prunes batches.
//   - retainer.go removes parts of batches, for retention and erasure.
//   - deduper.go knows which batch has a fingerprint.
//
// # What a database does differently
//
// The maps become tables. The critical sections become transactions or, in a
// database without them, one change of one row or document that decides.
// Besides, a store with a database
//
//   - writes events while they come, in a place that no reader looks at, and
//     lets Commit make them visible. Memory must not grow with the file.
//   - keeps the encoding of contributions, which is Contribution.AppendBinary
//     and DecodeContribution. Equal contributions have equal encodings.
//   - keeps sums of days beside the ledger, so that DayCounts does not read
//     all contributions. Change them in the transaction of the ledger, and
//     let Rebuild compute them again. Counts can be subtracted when a batch is
//     deleted; the sketches of subjects have to be merged again.
//   - leaves something behind when its process is lost. Let no reader see it,
//     and let Prune remove it.
//   - has claims of Writers whose process was lost. Let a living process change
//     a mark in its unfinished uploads every few seconds, and let Claim take
//     those whose mark has not changed for a while. Do not compare times: the
//     clocks of processes differ, and jump.
//   - returns store.ErrUnavailable when the database cannot be reached, so
//     that a job waits instead of failing.
//
// # Testing a store
//
// The test of this package runs the suite of package storetest. A store with a
// database also sets Harness.Reopen, for the rules about lost processes.
package memstore
