// Package eventmetrics takes files of events and answers exact daily metrics.
//
// A [Service] joins a [store.Store] and a [queue.Queue]:
//
//	Upload:  read, check and store a file as a batch; sum it in the same pass
//	Process: enqueue a job for the batch, then mark the batch queued
//	Run:     take jobs, enter each batch's contribution into the ledger once
//	Series:  sum the ledger by hour, day, week, month or range, in any time zone
//
// The ledger is the set of contributions of all processed batches, and the
// metrics are its sum. Entering a contribution is one atomic, insert-once step,
// and the only point at which a batch begins to count. Whatever dies before it
// is tried again, and whatever is tried again after it changes nothing. That
// is the whole argument for exactness; everything else can be rebuilt.
//
// Package httpapi serves a Service over HTTP, and cmd/refserver is a complete
// server on SQLite files.
package eventmetrics
