package upload

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/store"
)

// maxRepairs is the number of batches that Repairs lists.
const maxRepairs = 100

// Repairs are the batches that repair another one.
type RepairStatus struct {
	// Newest are the newest of them, newest first, at most 100.
	Newest []store.Batch
	// Batches is the number of all, Events that of the rows that they
	// accepted.
	Batches, AcceptedRows int64
}

// Open returns the number of rejected rows of the batch that is repaired that
// its repairs have not made good: its Failed without Events, at least 0.
func (r *RepairStatus) Open(failed int64) int64 { return max(failed-r.AcceptedRows, 0) }

// RepairStatus finds the batches that were uploaded with this id as File.RepairOf
// and are still there, whatever their status. Those that repair one of them in
// turn count for that one only. A batch that is unknown has none.
func (u *Uploader) RepairStatus(ctx context.Context, id string) (RepairStatus, error) {
	var r RepairStatus
	q := store.BatchQuery{RepairOf: id, Limit: store.MaxLimit}
	for {
		page, err := u.store.Batches(ctx, q)
		if err != nil {
			return RepairStatus{}, fmt.Errorf("eventmetrics: list repairs of batch %s: %w", id, err)
		}
		for i := range page {
			r.Batches++
			r.AcceptedRows += page[i].AcceptedRows
			if len(r.Newest) < maxRepairs {
				r.Newest = append(r.Newest, page[i])
			}
		}
		if len(page) < store.MaxLimit {
			return r, nil
		}
		q.After = page[len(page)-1].ID
	}
}

// checkRepairs returns ErrNoOriginal if there is no batch to be repaired.
func (u *Uploader) checkRepairOf(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	_, err := u.store.Batch(ctx, id)
	if errors.Is(err, store.ErrNotFound) { // not passed on: the upload itself is not meant
		return fmt.Errorf("%w: %.40q", ErrNoOriginal, id)
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: look for the batch to be repaired: %w", err)
	}
	return nil
}
