package mongostore

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// partRows is the number of rows whose events one command deletes or counts. A
// batch may have more events than a server deletes in the time of a command.
const partRows = 10_000

// byKey makes the server walk the keys. It might choose the index of batches
// otherwise, and look at all events of a batch for each part.
func byKey() bson.D { return eq("_id", 1) }

// eachPart calls f with filters that together select all events of a batch. It
// reports false if the batch has none.
func (s *Store) eachPart(ctx context.Context, id string, f func(part bson.D) error) (bool, error) {
	first, err := s.edgeRow(ctx, id, 1)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	last, err := s.edgeRow(ctx, id, -1)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) { // another process deletes them
		return false, err
	}
	for row := first; row <= last; row += partRows {
		keys := eq("$gte", eventKey(id, row), "$lt", eventKey(id, row+partRows))
		if err := f(eq("batch_id", id, "_id", keys)); err != nil {
			return true, err
		}
	}
	return true, nil
}

// afterRow is the rest of a part, after a row.
func afterRow(part bson.D, id string, row int64) bson.D {
	keys := part[1].Value.(bson.D)
	return eq("batch_id", id, "_id", eq("$gte", eventKey(id, row+1), "$lt", keys[1].Value))
}

// edgeRow returns the first row of a batch's events, or the last one for the
// order -1. Errors: mongo.ErrNoDocuments.
func (s *Store) edgeRow(ctx context.Context, id string, order int) (row int64, err error) {
	opts := options.FindOne().SetSort(eq("_id", order)).SetHint(byKey()).SetProjection(eq("_id", 1))
	err = s.run.Do(ctx, func(ctx context.Context) error {
		doc, err := s.events.FindOne(ctx, eq("batch_id", id, "_id", eventRange(id, 0)), opts).Raw()
		if err == nil {
			key, _ := doc.Lookup("_id").StringValueOK()
			row, err = rowOf(key)
		}
		return err
	})
	return row, err
}

// removeEvents deletes the events of a batch. It goes on until it finds none: a
// Writer that was ended may still insert some.
func (s *Store) removeEvents(ctx context.Context, id string) error {
	for {
		found, err := s.eachPart(ctx, id, func(part bson.D) error { return s.run.Remove(ctx, s.events, part, byKey()) })
		if err != nil || !found {
			return err
		}
	}
}

// removeErased deletes the events of a batch that an erasure selects.
func (s *Store) removeErased(ctx context.Context, id string, erased *erasingDoc) error {
	_, err := s.eachPart(ctx, id, func(part bson.D) error {
		return s.run.Remove(ctx, s.events, append(part, erased.filter()...), byKey())
	})
	return err
}
