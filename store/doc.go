// Package store defines the storage interface of eventmetrics.
//
// A [Store] keeps batches of events and the ledger: one contribution to the
// daily metrics for each processed batch, recorded once. The daily metrics are
// by definition the sum of the ledger. Everything else that a store keeps, such
// as statuses and sums of days, is derived from it.
//
// # Optional interfaces
//
// A store may implement five more interfaces, each of them for one feature.
// Find them with [As], which looks into stores that wrap others. Without the
// interface the feature fails with [ErrUnsupported], which is 501 over HTTP.
//
//	interface    feature                        without it
//	[Auditor]    compare and correct the        no reprocess, no erasure, audits
//	             ledger                         compare only the sums of days
//	[Explainer]  which batches make up a count  no explain
//	[Deduper]    find duplicate rows and files  no dedupe option, and a file that
//	                                            is uploaded twice counts twice
//	[Inspector]  look for damage in all that    audits read only the events and
//	             the store keeps                the ledger
//	[Retainer]   remove old data, and the data  no retention, no erasure, no
//	             of one subject                 answer is sealed
//
// # Removal
//
// Each verb of removal has one meaning, in this package and in the rest of
// eventmetrics:
//
//	delete   a user removes a batch: its events, attachments and counts
//	prune    cleanup removes batches that nobody processed and unfinished uploads
//	purge    retention removes the raw events of a batch and keeps its counts
//	archive  retention removes the rest of a purged batch and keeps its counts
//	erase    the data of one subject is removed
//	discard  an operator gives up a dead letter; stores have no part in it
//
// # Implementing a store
//
// Start with package memstore: it keeps every promise in as little code as
// possible and says which parts a database has to do differently. Package
// storetest has the conformance suite.
package store
