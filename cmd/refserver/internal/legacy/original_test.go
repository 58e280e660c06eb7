package legacy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// original is a database as the original service leaves it.
type original struct {
	t      *testing.T
	uri    string
	db     *mongo.Database
	events int
}

func newOriginal(t *testing.T) *original {
	t.Helper()
	uri := testenv.Mongo(t)
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Disconnect(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	path, _, _ := strings.Cut(uri, "?")
	return &original{t: t, uri: uri, db: client.Database(path[strings.LastIndex(path, "/")+1:])}
}

func (o *original) insert(collection string, docs ...any) {
	o.t.Helper()
	if _, err := o.db.Collection(collection).InsertMany(o.t.Context(), docs); err != nil {
		o.t.Fatal(err)
	}
}

// uuid returns the n-th id of the test, of the form that the original makes.
func uuid(kind, n int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", kind, n) }

var created = time.Date(2025, 11, 10, 8, 0, 0, 0, time.UTC)

// batch inserts the n-th batch as Mongoose writes it.
func (o *original) batch(n int, status string, total int) string {
	o.t.Helper()
	id := uuid(1, n)
	o.insert("batches", bson.D{
		{Key: "_id", Value: bson.NewObjectID()},
		{Key: "batch_id", Value: id},
		{Key: "file_name", Value: fmt.Sprintf("file-%d.csv", n)},
		{Key: "total_events", Value: int32(total)},
		{Key: "status", Value: status},
		{Key: "created_at", Value: created},
		{Key: "updated_at", Value: created},
		{Key: "__v", Value: int32(0)},
	})
	return id
}

// event returns an event as Mongoose writes it; members of change replace its
// own, and nil ones remove them.
func (o *original) event(batchID, eventType, day string, change bson.M) bson.D {
	o.t.Helper()
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		o.t.Fatal(err)
	}
	o.events++
	all := bson.D{
		{Key: "_id", Value: bson.NewObjectID()},
		{Key: "event_id", Value: uuid(2, o.events)},
		{Key: "batch_id", Value: batchID},
		{Key: "candidate_id", Value: fmt.Sprintf("C%d", o.events%3)},
		{Key: "test_id", Value: "T1"},
		{Key: "event_type", Value: eventType},
		{Key: "timestamp", Value: at.Add(time.Duration(o.events) * time.Millisecond)},
		{Key: "processed", Value: false},
		{Key: "created_at", Value: created},
		{Key: "__v", Value: int32(0)},
	}
	var doc bson.D
	for _, e := range all {
		if value, changed := change[e.Key]; changed {
			e.Value = value
		}
		if e.Value != nil {
			doc = append(doc, e)
		}
	}
	return doc
}

// fill inserts n events of one type and day.
func (o *original) fill(batchID, eventType, day string, n int) {
	o.t.Helper()
	var docs []any
	for range n {
		docs = append(docs, o.event(batchID, eventType, day, nil))
	}
	o.insert("events", docs...)
}

// daily inserts a document of daily metrics; counts are types and numbers.
func (o *original) daily(day string, counts ...any) {
	o.t.Helper()
	entries := bson.A{}
	for i := 0; i < len(counts); i += 2 {
		entries = append(entries, bson.D{
			{Key: "event_type", Value: counts[i]}, {Key: "count", Value: counts[i+1]}, {Key: "_id", Value: bson.NewObjectID()},
		})
	}
	o.insert("dailymetrics", bson.D{
		{Key: "_id", Value: bson.NewObjectID()},
		{Key: "date", Value: day},
		{Key: "metrics", Value: entries},
		{Key: "created_at", Value: created},
		{Key: "updated_at", Value: created},
		{Key: "__v", Value: int32(0)},
	})
}

// index makes the indexes of the original.
func (o *original) index() {
	o.t.Helper()
	for collection, key := range map[string]string{"events": "batch_id", "batches": "batch_id"} {
		_, err := o.db.Collection(collection).Indexes().CreateOne(o.t.Context(), mongo.IndexModel{Keys: bson.D{{Key: key, Value: 1}}})
		if err != nil {
			o.t.Fatal(err)
		}
	}
}
