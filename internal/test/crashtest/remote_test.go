package crashtest_test

import (
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/internal/test/site"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// copyDatabase copies all documents from one database to another.
func copyDatabase(t *testing.T, from, to string) {
	t.Helper()
	var dbs []*mongo.Database
	for _, uri := range []string{from, to} {
		db, disconnect, err := site.Connect(uri, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = disconnect() }()
		dbs = append(dbs, db)
	}
	names, err := dbs[0].ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		cursor, err := dbs[0].Collection(name).Find(t.Context(), bson.D{})
		if err != nil {
			t.Fatal(err)
		}
		var docs []bson.Raw
		if err := cursor.All(t.Context(), &docs); err != nil {
			t.Fatal(err)
		}
		if len(docs) == 0 {
			continue
		}
		if _, err := dbs[1].Collection(name).InsertMany(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
}

// ledger is what can be seen of a store in MongoDB beside its methods.
type ledger struct {
	store site.Store
	db    *mongo.Database
}

// check waits until the rollup has all of the ledger, and compares it with a
// rebuilt one.
func (l *ledger) check(t *testing.T) {
	t.Helper()
	before := l.daily(t)
	l.foldJournal(t)
	folded := l.daily(t)
	if err := l.store.Rebuild(t.Context()); err != nil {
		t.Error(err)
	}
	rebuilding := l.daily(t)
	l.foldJournal(t)
	after := l.daily(t)
	if before != folded || folded != rebuilding || rebuilding != after {
		t.Errorf("answers of %d bytes, %d when folded, %d during the rebuild and %d after it differ",
			len(before), len(folded), len(rebuilding), len(after))
	}
}

// daily encodes the answer that has everything.
func (l *ledger) daily(t *testing.T) string {
	t.Helper()
	var all metrics.Contribution
	for d, err := range l.store.DayCounts(t.Context(), metrics.AllParts()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	text, err := all.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// settle waits until the journal has no note but of changes that did not come
// about. Reading makes the store settle.
func (l *ledger) foldJournal(t *testing.T) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		l.daily(t)
		notes := l.notes(t)
		if len(notes) == 0 {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("the journal still has %v", notes)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// notes returns the notes of changes that are in the ledger.
func (l *ledger) notes(t *testing.T) []bson.M {
	t.Helper()
	entries := map[any]bson.M{}
	for _, e := range l.all(t, "contributions") {
		entries[e["_id"]] = e
	}
	var left []bson.M
	for _, n := range l.all(t, "journal") {
		e := entries[n["batch_id"]]
		earlier, _ := e["earlier"].(bson.A)
		if epoch, _ := n["epoch"].(string); epoch != "" || e["change"] == n["_id"] || slices.Contains(earlier, n["_id"]) {
			left = append(left, n)
		}
	}
	return left
}

func (l *ledger) all(t *testing.T, collection string) []bson.M {
	t.Helper()
	cursor, err := l.db.Collection(collection).Find(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	var docs []bson.M
	if err := cursor.All(t.Context(), &docs); err != nil {
		t.Fatal(err)
	}
	return docs
}
