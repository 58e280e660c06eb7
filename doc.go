// Package eventmetrics turns files of events into exact daily metrics.
//
// A [Service] joins a [store.Store] and a [queue.Queue]:
//
//	Upload:  read, check and store a file as a batch; sum it in the same pass
//	Process: enqueue a job for the batch, then mark the batch queued
//	Run:     take jobs, and enter the contribution of each batch into the ledger once
//	Query:   sum the ledger by hour, day, week, month or range, in any time zone
//
// The ledger is the set of contributions of all processed batches, and the
// metrics are its sum. Entering a contribution is one atomic step that happens
// once, and the only point at which a batch begins to count. A step that is
// interrupted before it is repeated; a step that is repeated after it changes
// nothing. So no event is lost or counted twice, and everything else can be
// rebuilt.
//
// The parts have packages of their own: upload (a file becomes a batch), ledger
// (recount, compare, correct), retention (remove by age or by subject). They can
// be used without a Service. Package httpapi serves a Service over HTTP, and
// cmd/refserver is a complete server on SQLite files.
package eventmetrics
