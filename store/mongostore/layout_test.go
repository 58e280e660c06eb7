package mongostore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

func TestADatabaseOfANewerReleaseIsRefused(t *testing.T) {
	uri := testenv.Mongo(t)
	st := opened(t, uri)
	commit(t, st, "a")
	layout := database(t, uri).Collection("layout")

	// The first release wrote no version.
	if r, err := layout.DeleteMany(t.Context(), bson.D{}); err != nil || r.DeletedCount != 1 {
		t.Fatalf("%v documents of the layout, %v; want 1", r, err)
	}
	again := opened(t, uri)
	if _, err := again.Batch(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}

	if _, err := layout.UpdateMany(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: 5}}}}); err != nil {
		t.Fatal(err)
	}
	_, openErr := mongostore.Open(t.Context(), uri, nil)
	_, checkErr := mongostore.Check(t.Context(), uri)
	for what, err := range map[string]error{"Open": openErr, "Check": checkErr} {
		if !errors.Is(err, mongostore.ErrVersion) || !strings.Contains(err.Error(), "it has version 5") || !strings.Contains(err.Error(), "run the newer release") {
			t.Errorf("%s: got %v, want %v in words", what, err, mongostore.ErrVersion)
		}
	}
}

// A database of version 1 has no checksums. What it has stays readable, can be
// changed, and is marked so that a release of version 1 does not change it any more.
func TestDocumentsWithoutChecksumsAreRead(t *testing.T) {
	uri := testenv.Mongo(t)
	f := filler{t: t, st: opened(t, uri), now: time.Now}
	one, two := f.batch(store.Batch{IdempotencyKey: "key", KeyExpires: time.Now().Add(time.Hour)}, false), f.batch(store.Batch{}, true)
	foldAll(t, f.st)
	earlier(t, uri)

	st := opened(t, uri)
	f.ok(st.Record(t.Context(), two, must(st.Pending(t.Context(), two))))
	f.ok(st.SetStatus(t.Context(), two, store.Statuses(), store.Completed, ""))
	f.ok(st.ReplaceAttachment(t.Context(), two, "errors", chunk("new")))
	for _, want := range []string{"some errors and more", "new"} {
		id := map[string]string{"new": two}[want]
		if id == "" {
			id = one
		}
		if text, err := store.ReadAttachment(t.Context(), st, id, "errors"); string(text) != want || err != nil {
			t.Errorf("attachment: %q, %v; want %q", text, err, want)
		}
	}
	if n, err := st.Erase(t.Context(), one, store.Erasure{ID: "one", Field: "candidate_id", Value: "C1"}); n != 3 || err != nil {
		t.Errorf("Erase: %d, %v", n, err)
	}
	if all := must(audittest.Complete(t.Context(), st)); len(all.Damages)+len(all.Unreadable)+len(all.WrongDays) > 0 {
		t.Errorf("the audit finds %+v", all)
	}
	var mark struct{ Version int }
	if err := database(t, uri).Collection("layout").FindOne(t.Context(), bson.D{}).Decode(&mark); err != nil || mark.Version != 4 {
		t.Errorf("the layout is marked %d, %v", mark.Version, err)
	}
}

// earlier removes what version 1 has not.
func earlier(t *testing.T, uri string) {
	t.Helper()
	members := bson.D{}
	for _, name := range []string{"sum", "folded_sum", "events_sum", "pieces", "claims", "claims_sum", "recorded"} {
		members = append(members, bson.E{Key: name, Value: ""})
	}
	db := database(t, uri)
	for _, name := range []string{"batches", "keys", "contributions", "shares", "dailymetrics", "journal"} {
		if _, err := db.Collection(name).UpdateMany(t.Context(), bson.D{}, bson.D{{Key: "$unset", Value: members}}); err != nil {
			t.Fatal(err)
		}
	}
	rename := bson.D{{Key: "$rename", Value: bson.D{{Key: "claim", Value: "call"}}}}
	if _, err := db.Collection("fingerprints").UpdateMany(t.Context(), bson.D{}, rename); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Collection("layout").UpdateMany(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: 1}}}}); err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
