// Package legacy imports the batches and events of the original service, a Node
// program on MongoDB. It counts the events again: the original's daily metrics are
// wrong for days with more than one batch. They are only compared.
//
// The collections of the original become:
//
//	batches       {_id, batch_id, file_name, total_events, status, created_at, updated_at, __v}
//	              a batch each, with the file name and a new id.
//	events        {_id, event_id, batch_id, candidate_id, test_id, event_type, timestamp, processed, created_at, __v}
//	              an event each, with event_id, candidate_id, test_id, event_type and timestamp,
//	              in the order of _id. Rows that an upload would reject are rejected.
//	dailymetrics  {_id, date, metrics: [{_id, event_type, count}], created_at, updated_at, __v}
//	              nothing; differences from the recount are listed.
//
// Events whose batch has no document, because the original was killed between two
// writes, become a batch of their own.
package legacy
