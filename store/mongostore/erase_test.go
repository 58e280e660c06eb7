package mongostore_test

import (
	"iter"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// erasable makes a batch of two events with the columns candidate_id and $x.
func erasable(t *testing.T, st *mongostore.Store, id string) {
	t.Helper()
	w, err := st.Begin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var events []metrics.Event
	for i, name := range []string{"C1", "C2"} {
		fields := []metrics.Field{{Name: "candidate_id", Value: name}, {Name: "$x", Value: name}}
		events = append(events, metrics.Event{Row: int64(i + 1), Type: "t", Time: time.Unix(0, 0), Fields: fields})
	}
	if err := w.Write(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if err := w.Attach(t.Context(), "errors", []byte("C1")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
}

func chunk(text string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) { yield([]byte(text), nil) }
}

func TestAnErasureLeavesNoValue(t *testing.T) {
	uri := testenv.Mongo(t)
	st, db := opened(t, uri), database(t, uri)
	id := batchID(1)
	erasable(t, st, id)
	if n, err := st.Erase(t.Context(), id, store.Erasure{ID: "one", Field: "$x", Value: "C1"}); n != 1 || err != nil {
		t.Fatalf("Erase: %d, %v", n, err)
	}
	if err := st.ReplaceAttachment(t.Context(), id, "errors", chunk("none")); err != nil {
		t.Fatal(err)
	}
	for collection, want := range map[string]int64{"events": 1, "attachments": 1, "batches": 1} {
		if n, err := db.Collection(collection).CountDocuments(t.Context(), bson.D{}); n != want || err != nil {
			t.Errorf("%s has %d documents, want %d; %v", collection, n, want, err)
		}
	}
	checkFinished(t, st, uri, id)
}

func checkFinished(t *testing.T, st *mongostore.Store, uri, id string) {
	t.Helper()
	doc, err := database(t, uri).Collection("batches").FindOne(t.Context(), bson.D{{Key: "_id", Value: id}}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := doc.LookupErr("erasing"); err == nil {
		t.Error("the batch names what was erased")
	}
	if stale, err := doc.LookupErr("stale", "0"); err == nil {
		t.Errorf("pieces of an attachment are still stale: %v", stale)
	}
	var left []string
	for e, err := range st.Events(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, e.Field("candidate_id"))
	}
	if len(left) != 1 || left[0] != "C2" {
		t.Errorf("events of %v are left", left)
	}
}

// TestPruneEndsWhatWasCutOff has a document that says what a lost process was
// about to delete.
func TestPruneEndsWhatWasCutOff(t *testing.T) {
	uri := testenv.Mongo(t)
	st, db := opened(t, uri), database(t, uri)
	id := batchID(1)
	erasable(t, st, id)
	set := bson.D{
		{Key: "erasing", Value: bson.D{{Key: "field", Value: "candidate_id"}, {Key: "value", Value: "C1"}}},
		{Key: "erasure", Value: "one"},
		{Key: "erased_events", Value: int64(1)},
		{Key: "attached", Value: bson.D{{Key: "x6572726f7273", Value: "later"}}},
		{Key: "stale", Value: bson.A{"6572726f7273"}},
	}
	if _, err := db.Collection("batches").UpdateByID(t.Context(), id, bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: bson.D{{Key: "sum", Value: ""}}}}); err != nil {
		t.Fatal(err)
	}
	for e, err := range st.Events(t.Context(), id) {
		if err != nil || e.Field("candidate_id") == "C1" {
			t.Errorf("an event that is being erased can be seen: %v, %v", e, err)
		}
	}
	if _, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Unix(0, 0)}); err != nil {
		t.Fatal(err)
	}
	checkFinished(t, st, uri, id)
	for collection, want := range map[string]int64{"events": 1, "attachments": 0} {
		if n, err := db.Collection(collection).CountDocuments(t.Context(), bson.D{}); n != want || err != nil {
			t.Errorf("%s has %d documents, want %d; %v", collection, n, want, err)
		}
	}
}
