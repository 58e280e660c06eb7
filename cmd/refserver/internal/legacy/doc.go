// Package legacy brings the data of the original service, a Node program on
// MongoDB, into a store of this version: its batches and events. The daily
// metrics are counted anew, because the original's are wrong where a day had
// more than one batch; they are only compared.
//
// The original's collections and what becomes of them:
//
//	batches       {_id, batch_id, file_name, total_events, status, created_at, updated_at, __v}
//	              a batch each, with the file name. It gets a new id.
//	events        {_id, event_id, batch_id, candidate_id, test_id, event_type, timestamp, processed, created_at, __v}
//	              an event each, with event_id, candidate_id, test_id, event_type and timestamp,
//	              in the order of _id. What an upload would reject is rejected.
//	dailymetrics  {_id, date, metrics: [{_id, event_type, count}], created_at, updated_at, __v}
//	              nothing; differences from the recount are listed.
//
// Events whose batch has no document, because the original died in between,
// become a batch of their own.
package legacy
