package legacy

import (
	"context"
	"fmt"
	"io"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// batch is a batch of the original, or events without a batch.
type batch struct {
	id     string // batch_id, "" if it has none that is text
	file   string
	status string
	orphan bool
	// events selects its events.
	events bson.D
}

// key returns the idempotency key under which a batch is stored, once.
func (b *batch) key() string {
	if b.id == "" {
		return "legacy-stray"
	}
	return "legacy:" + b.id
}

// batches yields the documents of all batches, ascending by _id.
func (s *Source) batches(ctx context.Context) iter.Seq2[batch, error] {
	return func(yield func(batch, error) bool) {
		for doc, err := range s.documents(ctx, "batches") {
			b := batch{id: text(doc, "batch_id"), file: text(doc, "file_name"), status: text(doc, "status")}
			b.events = bson.D{{Key: "batch_id", Value: b.id}}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// documents yields all documents of a collection. It reads page by page, so that no
// cursor stays open while a document is processed.
func (s *Source) documents(ctx context.Context, collection string) iter.Seq2[bson.Raw, error] {
	return func(yield func(bson.Raw, error) bool) {
		filter := bson.D{}
		for {
			page, err := s.find(ctx, collection, filter, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(s.page)))
			if err != nil {
				yield(nil, err)
				return
			}
			for _, doc := range page {
				if !yield(doc, nil) {
					return
				}
			}
			if len(page) < s.page {
				return
			}
			filter = bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: page[len(page)-1].Lookup("_id")}}}}
		}
	}
}

func (s *Source) find(ctx context.Context, collection string, filter any, opts *options.FindOptionsBuilder) ([]bson.Raw, error) {
	cursor, err := s.db.Collection(collection).Find(ctx, filter, opts)
	return all(ctx, collection, cursor, err)
}

// all returns all documents of a cursor.
func all(ctx context.Context, collection string, cursor *mongo.Cursor, err error) ([]bson.Raw, error) {
	var docs []bson.Raw
	if err == nil {
		err = cursor.All(ctx, &docs)
	}
	if err != nil {
		return nil, fmt.Errorf("legacy: read %s: %w", collection, err)
	}
	return docs, nil
}

// orphans yields the batch ids of events that have no document in batches, in
// ascending order, and at last the events without a batch id.
func (s *Source) orphans(ctx context.Context) iter.Seq2[batch, error] {
	return func(yield func(batch, error) bool) {
		after := bson.D{{Key: "$gt", Value: ""}}
		for {
			ids, err := s.batchIDs(ctx, after)
			if err != nil {
				yield(batch{}, err)
				return
			}
			lost, err := s.withoutDocument(ctx, ids)
			if err != nil {
				yield(batch{}, err)
				return
			}
			for _, id := range lost {
				if !yield(batch{id: id, orphan: true, events: bson.D{{Key: "batch_id", Value: id}}}, nil) {
					return
				}
			}
			if len(ids) < s.page {
				break
			}
			after = bson.D{{Key: "$gt", Value: ids[len(ids)-1]}}
		}
		stray := batch{orphan: true, events: bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: "batch_id", Value: ""}},
			bson.D{{Key: "batch_id", Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$type", Value: "string"}}}}}},
		}}}}
		found, err := s.find(ctx, "events", stray.events, options.Find().SetLimit(1))
		if err != nil || len(found) > 0 {
			yield(stray, err)
		}
	}
}

// batchIDs returns the first batch ids of events that a condition selects,
// each once and ascending.
func (s *Source) batchIDs(ctx context.Context, condition bson.D) ([]string, error) {
	cursor, err := s.db.Collection("events").Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: bson.D{{Key: "batch_id", Value: condition}}}},
		{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$batch_id"}}}},
		{{Key: "$sort", Value: bson.D{{Key: "_id", Value: 1}}}},
		{{Key: "$limit", Value: s.page}},
	})
	docs, err := all(ctx, "events", cursor, err)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(docs))
	for i, doc := range docs {
		ids[i] = text(doc, "_id")
	}
	return ids, nil
}

// withoutDocument returns those of ids that have no document in batches.
func (s *Source) withoutDocument(ctx context.Context, ids []string) ([]string, error) {
	docs, err := s.find(ctx, "batches", bson.D{{Key: "batch_id", Value: bson.D{{Key: "$in", Value: ids}}}},
		options.Find().SetProjection(bson.D{{Key: "batch_id", Value: 1}}))
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, doc := range docs {
		known[text(doc, "batch_id")] = true
	}
	var lost []string
	for _, id := range ids {
		if !known[id] {
			lost = append(lost, id)
		}
	}
	return lost, nil
}

// text returns a member that should be a string, or "".
func text(doc bson.Raw, name string) string {
	s, _ := doc.Lookup(name).StringValueOK()
	return s
}

// open returns the events of a batch as NDJSON, in an order that does not
// change. The caller must close it.
func (s *Source) open(ctx context.Context, b *batch) (io.ReadCloser, error) {
	cursor, err := s.db.Collection("events").Find(ctx, b.events,
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetBatchSize(1000).SetAllowDiskUse(true))
	if err != nil {
		return nil, fmt.Errorf("legacy: read events: %w", err)
	}
	return &rows{
		next: func() (bson.Raw, error) {
			if cursor.Next(ctx) {
				return cursor.Current, nil
			}
			if err := cursor.Err(); err != nil {
				return nil, fmt.Errorf("legacy: read events: %w", err)
			}
			return nil, io.EOF
		},
		close: func() error { return cursor.Close(context.WithoutCancel(ctx)) },
	}, nil
}
