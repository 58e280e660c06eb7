package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// setUp makes indexes and the rollup. It is safe to repeat, by several
// processes at once too.
func (s *Store) setUp(ctx context.Context) error {
	if err := s.checkOwner(ctx); err != nil {
		return err
	}
	unique := options.Index().SetUnique(true)
	for _, index := range []struct {
		on   *mongo.Collection
		keys bson.D
		opts *options.IndexOptionsBuilder
	}{
		{s.events, bson.D{{Key: "batch_id", Value: 1}, {Key: "event_id", Value: 1}}, unique},
		{s.batches, bson.D{{Key: "batch_id", Value: 1}}, unique},
		{s.batches, bson.D{{Key: "status", Value: 1}, {Key: "batch_id", Value: -1}}, nil},
		{s.batches, bson.D{{Key: "idempotency_key", Value: 1}}, nil},
		{s.batches, bson.D{{Key: "repairs", Value: 1}, {Key: "batch_id", Value: -1}}, nil},
		{s.keys, bson.D{{Key: "batch_id", Value: 1}}, nil},
		{s.fingerprints, bson.D{{Key: "batch_id", Value: 1}, {Key: "_id", Value: 1}}, nil},
		{s.shares, bson.D{{Key: "date", Value: 1}, {Key: "_id", Value: 1}}, nil},
		{s.shares, bson.D{{Key: "sealed", Value: 1}, {Key: "date", Value: 1}}, nil},
		{s.shares, bson.D{{Key: "revision", Value: 1}, {Key: "date", Value: 1}}, nil},
		{s.daily, bson.D{{Key: "date", Value: 1}}, unique},
		{s.daily, bson.D{{Key: "date", Value: 1}, {Key: "metrics.event_type", Value: 1}}, nil},
	} {
		err := s.do(ctx, func(ctx context.Context) error {
			_, err := index.on.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: index.keys, Options: index.opts})
			return err
		})
		if err != nil {
			return fmt.Errorf("make index of %s: %w", index.on.Name(), err)
		}
	}
	_, err := s.readRollup(ctx)
	return err
}

// checkOwner refuses a database whose batches another program made: the
// original service used the same names.
func (s *Store) checkOwner(ctx context.Context) error {
	return s.do(ctx, func(ctx context.Context) error {
		for _, c := range []*mongo.Collection{s.batches, s.events} {
			found, err := c.FindOne(ctx, bson.D{}, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Raw()
			if errors.Is(err, mongo.ErrNoDocuments) {
				continue
			}
			if err != nil {
				return err
			}
			if _, ours := found.Lookup("_id").StringValueOK(); !ours {
				return fmt.Errorf("%w: the _id in %s are not ours; give MONGO_URI another database", ErrForeign, c.Name())
			}
		}
		return nil
	})
}
