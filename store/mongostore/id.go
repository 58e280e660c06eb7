package mongostore

import (
	"context"
	"crypto/rand"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// ID returns a random text that identifies the database, so that what belongs to
// it can be told from what belongs to another one. The first call stores it. It
// is safe to repeat, by several processes at once too. Errors:
// store.ErrUnavailable.
func (s *Store) ID(ctx context.Context) (string, error) {
	c := s.batches.Database().Collection("deployment")
	var stored struct {
		Value string `bson:"value"`
	}
	err := s.run.Do(ctx, func(ctx context.Context) error {
		_, err := c.InsertOne(ctx, bson.D{{Key: "_id", Value: "id"}, {Key: "value", Value: rand.Text()}})
		if err != nil && !mongo.IsDuplicateKeyError(err) {
			return err
		}
		return c.FindOne(ctx, eq("_id", "id")).Decode(&stored)
	})
	if err != nil {
		return "", fmt.Errorf("mongostore: read the id of the database: %w", err)
	}
	return stored.Value, nil
}
