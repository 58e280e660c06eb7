package mongostore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Limits of one insert command: MongoDB takes 48 MB and 100,000 documents, its
// imitations 25,000; smaller ones run side by side.
const (
	insertBytes = 1 << 20
	insertDocs  = 5000
	maxDocument = 16 << 20
)

// findKeys is the number of keys that one command looks for.
const findKeys = 1000

// piece is the content of one insert command.
type piece struct {
	docs []bson.Raw
	size int
}

func (p *piece) full() bool { return p.size >= insertBytes || len(p.docs) >= insertDocs }

func (p *piece) add(doc []byte) {
	p.docs = append(p.docs, doc)
	p.size += len(doc)
}

// insertAll inserts documents and returns the places of those that another
// document keeps out by a unique key. Its own documents from an earlier try
// are no such others.
func (s *Store) insertAll(ctx context.Context, c *mongo.Collection, docs []bson.Raw) ([]int, error) {
	refused, err := s.insertNew(ctx, c, docs)
	if err != nil || len(refused) == 0 {
		return nil, err
	}
	return s.withoutOurs(ctx, c, docs, refused)
}

// insertNew inserts documents and returns the places of those that a document
// keeps out by a unique key, which may be the same one from an earlier try.
func (s *Store) insertNew(ctx context.Context, c *mongo.Collection, docs []bson.Raw) ([]int, error) {
	command := insertCommand(c.Name(), docs)
	var refused []int
	err := s.do(ctx, func(ctx context.Context) error {
		refused = refused[:0]
		err := s.db.RunCommand(ctx, command).Err()
		var failed mongo.WriteException
		if !errors.As(err, &failed) || failed.WriteConcernError != nil {
			return err
		}
		for _, e := range failed.WriteErrors {
			if !e.HasErrorCode(11000) {
				return err
			}
			refused = append(refused, e.Index)
		}
		return nil
	})
	return refused, err
}

// withoutOurs leaves out the places of documents that are there themselves.
func (s *Store) withoutOurs(ctx context.Context, c *mongo.Collection, docs []bson.Raw, places []int) ([]int, error) {
	keys := make(bson.A, len(places))
	for i, place := range places {
		keys[i] = docs[place].Lookup("_id").StringValue()
	}
	there := map[string]bool{}
	err := s.each(ctx, c, eq("_id", eq("$in", keys)), options.Find().SetProjection(eq("_id", 1)), func(doc bson.Raw) error {
		there[doc.Lookup("_id").StringValue()] = true
		return nil
	})
	var others []int
	for i, place := range places {
		if !there[keys[i].(string)] {
			others = append(others, place)
		}
	}
	return others, err
}

// each calls use with each document that a filter selects, from the start
// again when the connection is lost: use must bear that. The document is
// valid until use returns.
func (s *Store) each(ctx context.Context, c *mongo.Collection, filter any, opts *options.FindOptionsBuilder, use func(bson.Raw) error) error {
	return s.do(ctx, func(ctx context.Context) error {
		cursor, err := c.Find(ctx, filter, opts)
		if err != nil {
			return err
		}
		defer cursor.Close(context.WithoutCancel(ctx)) //nolint:errcheck // Err tells
		for cursor.Next(ctx) {
			if err := use(cursor.Current); err != nil {
				return err
			}
		}
		return cursor.Err()
	})
}

// insertEvents inserts the documents of events. Where a file has an event id
// twice, the later one becomes id%row.
func (s *Store) insertEvents(ctx context.Context, batch string, docs []bson.Raw) error {
	for len(docs) > 0 {
		refused, err := s.insertAll(ctx, s.events, docs)
		if err != nil {
			return fmt.Errorf("insert events: %w", err)
		}
		w := eventEncoder{batch: batch}
		again := make([]bson.Raw, 0, len(refused))
		var fields []metrics.Field
		for _, place := range refused {
			e, err := decodeEvent(docs[place], fields[:0])
			if err != nil {
				return err
			}
			fields = e.Fields
			taken := docs[place].Lookup("event_id").StringValue()
			again = append(again, w.append(nil, &e, taken+"%"+strconv.FormatInt(e.Row, 10)))
		}
		docs = again
	}
	return nil
}
