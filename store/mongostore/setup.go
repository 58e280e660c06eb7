package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// setUp makes the indexes and the rollup. It is safe to repeat, by several
// processes at once too.
func (s *Store) setUp(ctx context.Context) error {
	if err := s.checkOwner(ctx); err != nil {
		return err
	}
	if err := s.checkLayout(ctx); err != nil {
		return err
	}
	for _, index := range []struct {
		on     *mongo.Collection
		keys   bson.D
		unique bool
	}{
		{s.events, eq("batch_id", 1, "event_id", 1), true},
		{s.batches, eq("batch_id", 1), true},
		{s.batches, eq("status", 1, "batch_id", -1), false},
		{s.batches, eq("deleting", 1, "status", 1), false},
		{s.batches, eq("repairs", 1, "batch_id", -1), false},
		{s.keys, eq("batch_id", 1), false},
		{s.keys, eq("further", 1, "expires_at", 1), false},
		{s.fingerprints, eq("batch_id", 1, "_id", 1), false},
	} {
		if err := s.run.CreateIndex(ctx, index.on, index.keys, index.unique); err != nil {
			return err
		}
	}
	if err := s.rollup.SetUp(ctx); err != nil {
		return err
	}
	return s.markLayout(ctx)
}

// checkOwner returns ErrForeign if another program has made the batches or the
// events. The original service used the same names.
func (s *Store) checkOwner(ctx context.Context) error {
	return s.run.Do(ctx, func(ctx context.Context) error {
		for _, c := range []*mongo.Collection{s.batches, s.events} {
			found, err := c.FindOne(ctx, bson.D{}, options.FindOne().SetProjection(eq("_id", 1))).Raw()
			if errors.Is(err, mongo.ErrNoDocuments) {
				continue
			}
			if err != nil {
				return err
			}
			if _, ours := found.Lookup("_id").StringValueOK(); !ours {
				return fmt.Errorf("%w: collection %s has documents of another program; set MONGO_URI to another database", ErrForeign, c.Name())
			}
		}
		return nil
	})
}
