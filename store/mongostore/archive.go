package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
)

// Archive implements [store.Retainer]. The change of the status archives the
// batch. Its entry in the ledger stays and counts. Its document stays too,
// nearly empty, so that its fingerprints are not free.
func (s *Store) Archive(ctx context.Context, id string) error {
	return wrap(s.archive(ctx, id), "archive batch %q", id)
}

func (s *Store) archive(ctx context.Context, id string) error {
	d, err := s.change(ctx, id, func(d *batchDoc) error {
		if d.Status != store.Completed || !d.Purged {
			return store.ErrConflict
		}
		d.Status = statusArchiving
		return nil
	})
	if err != nil {
		return err
	}
	return s.finishArchiving(ctx, d)
}

// finishArchiving deletes what belongs to an archived batch.
func (s *Store) finishArchiving(ctx context.Context, d *batchDoc) error {
	if err := s.clearParts(ctx, d); err != nil {
		return err
	}
	rest := batchDoc{Key: d.ID, ID: d.ID, Status: statusArchived, Updated: s.now(), Recorded: d.Recorded, Claims: d.Claims, ClaimsSum: d.ClaimsSum}
	if d.Sum != 0 {
		rest.Sum = rest.sum()
	}
	_, err := s.run.Replace(ctx, s.batches, eq("_id", d.ID, "status", statusArchiving), rest)
	return err
}

// pruneArchived finishes the archiving of lost processes.
func (s *Store) pruneArchived(ctx context.Context) error {
	docs, err := s.findBatches(ctx, eq("status", statusArchiving), options.Find().SetLimit(oldPage))
	for i := range sound(docs) {
		if err == nil {
			err = s.finishArchiving(ctx, &docs[i])
		}
	}
	return err
}
