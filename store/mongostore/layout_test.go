package mongostore_test

import (
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
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

	if _, err := layout.UpdateMany(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: 2}}}}); err != nil {
		t.Fatal(err)
	}
	_, openErr := mongostore.Open(t.Context(), uri, nil)
	_, checkErr := mongostore.Check(t.Context(), uri)
	for what, err := range map[string]error{"Open": openErr, "Check": checkErr} {
		if !errors.Is(err, mongostore.ErrVersion) || !strings.Contains(err.Error(), "it has version 2") || !strings.Contains(err.Error(), "run the newer release") {
			t.Errorf("%s: got %v, want %v in words", what, err, mongostore.ErrVersion)
		}
	}
}
