package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
)

// Archive implements [store.Retainer]. The batch is gone when its status says
// so; its entry of the ledger is not void and goes on counting. Its document
// stays, nearly empty: as long as it does, its fingerprints are not free.
func (s *Store) Archive(ctx context.Context, id string) error {
	d, err := s.read(ctx, id)
	if err != nil {
		return wrap(err, "forget batch %q", id)
	}
	gone, err := s.update(ctx, s.batches, eq("_id", id, "status", store.Completed, "sealed", true), eq("$set", eq("status", statusForgetting)))
	if err != nil {
		return wrap(err, "forget batch %q", id)
	}
	if !gone {
		if _, err := s.read(ctx, id); err != nil {
			return wrap(err, "forget batch %q", id)
		}
		return wrap(store.ErrConflict, "forget batch %q", id)
	}
	return wrap(s.finishForgetting(ctx, d), "forget batch %q", id)
}

func (s *Store) finishForgetting(ctx context.Context, d *batchDoc) error {
	if err := s.clearParts(ctx, d); err != nil {
		return err
	}
	rest := batchDoc{Key: d.ID, ID: d.ID, Status: statusForgotten, Updated: s.now()}
	return s.do(ctx, func(ctx context.Context) error {
		_, err := s.batches.ReplaceOne(ctx, eq("_id", d.ID, "status", statusForgetting), rest)
		return err
	})
}

// sweepForgotten finishes what lost processes have left of forgotten batches.
func (s *Store) sweepForgotten(ctx context.Context) error {
	docs, err := findAll[batchDoc](ctx, s, s.batches, eq("status", statusForgetting), options.Find().SetLimit(oldPage))
	for i := range docs {
		if err == nil {
			err = s.finishForgetting(ctx, &docs[i])
		}
	}
	return err
}
