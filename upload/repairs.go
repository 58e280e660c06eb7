package upload

import (
	"context"
	"errors"
	"fmt"
	"iter"

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

// checkRepairOf returns ErrNoOriginal if the batch to be repaired is unknown.
func (u *Uploader) checkRepairOf(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	_, err := u.store.Batch(ctx, id)
	if errors.Is(err, store.ErrNotFound) { // not wrapped: it would be taken for the new batch
		return fmt.Errorf("%w: %.40q", ErrNoOriginal, id)
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: look for the batch to be repaired: %w", err)
	}
	return nil
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
