package upload

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/store"
)

// maxRepairs is the number of batches that a RepairStatus lists.
const maxRepairs = 100

// RepairStatus describes the batches that repair another one.
type RepairStatus struct {
	// Newest are the newest of these batches, newest first, at most 100.
	Newest []store.Batch
	// Batches is the number of all of them, AcceptedRows the number of rows that
	// they accepted.
	Batches, AcceptedRows int64
}

// Open returns how many of a number of rejected rows the repairs have not
// replaced: rejected less AcceptedRows, at least 0.
func (r *RepairStatus) Open(rejected int64) int64 { return max(rejected-r.AcceptedRows, 0) }

// RepairStatus finds the batches that were uploaded with this id as
// File.RepairOf, in any status. A batch that repairs one of them in turn counts
// for that one only. An unknown id has no repairs, which is no error.
func (u *Uploader) RepairStatus(ctx context.Context, id string) (RepairStatus, error) {
	var r RepairStatus
	for b, err := range store.All(ctx, u.store, store.BatchQuery{RepairOf: id}) {
		if err != nil {
			return RepairStatus{}, fmt.Errorf("eventmetrics: list repairs of batch %s: %w", id, err)
		}
		r.Batches++
		r.AcceptedRows += b.AcceptedRows
		if len(r.Newest) < maxRepairs {
			r.Newest = append(r.Newest, *b)
		}
	}
	return r, nil
}

// original returns the batch to be repaired, or nil if id is "". Errors:
// ErrNoOriginal.
func (u *Uploader) original(ctx context.Context, id string) (*store.Batch, error) {
	if id == "" {
		return nil, nil //nolint:nilnil // no batch is an answer here, not an error
	}
	b, err := u.store.Batch(ctx, id)
	if errors.Is(err, store.ErrNotFound) { // not wrapped: it would be taken for the new batch
		return nil, fmt.Errorf("%w: %.40q", ErrNoOriginal, id)
	}
	if err != nil {
		return nil, fmt.Errorf("eventmetrics: look for the batch to be repaired: %w", err)
	}
	return &b, nil
}

// checkRepairs returns an error if a repair of original, which may be nil, has
// more valid rows than original has rejected rows that no other repair has
// replaced. Errors: *RepairError.
func (u *Uploader) checkRepairs(ctx context.Context, original *store.Batch, accepted int64) error {
	if original == nil {
		return nil
	}
	repairs, err := u.RepairStatus(ctx, original.ID)
	if err != nil {
		return err
	}
	if open := repairs.Open(original.RejectedRows); accepted > open {
		return &RepairError{original.ID, accepted, open}
	}
	return nil
}

// RepairError means that a repair has more valid rows than its original has
// rejected rows left: the good rows of the file would count twice. Nothing was
// stored.
type RepairError struct {
	// Batch is the id of the original.
	Batch string
	// Accepted is the number of valid rows of the repair, Open that of the
	// rejected rows that no repair has replaced yet.
	Accepted, Open int64
}

// Error counts the rows and says what to do.
func (e *RepairError) Error() string {
	return fmt.Sprintf("eventmetrics: the file has %d valid rows, but batch %s has %d rejected rows left to repair; "+
		"upload only those rows, or use dedupe to skip the rows that are there", e.Accepted, e.Batch, e.Open)
}

// RejectedRows returns the first 100 rejected rows of a batch, as Receipt.Errors
// has them. There are none after retention removed them. Errors: store.ErrNotFound,
// store.ErrChanged if retention or an erasure removes some meanwhile.
func (u *Uploader) RejectedRows(ctx context.Context, id string) (rows []ingest.RowError, err error) {
	err = DecodeAttachment(ctx, u.store, id, ErrorsAttachment, &rows)
	return rows, err
}

// RepairFile returns the repair file of a batch in chunks: a CSV file of the
// rejected rows with the reasons, up to Options.MaxRepairBytes, to be corrected
// and uploaded again. It is empty if no row was rejected. A chunk is valid until
// the next one. Errors: store.ErrNotFound; ErrRowsPurged if retention removed
// the rows; store.ErrChanged if retention or an erasure does so meanwhile.
func (u *Uploader) RepairFile(ctx context.Context, id string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		found := false
		for chunk, err := range u.store.Attachment(ctx, id, RepairAttachment) {
			if found = true; !yield(chunk, err) {
				return
			}
		}
		if found {
			return
		}
		b, err := u.store.Batch(ctx, id)
		if err == nil && b.RejectedRows > 0 {
			err = ErrRowsPurged
		}
		if err != nil {
			yield(nil, err)
		}
	}
}
