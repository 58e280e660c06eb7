package mongostore_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// Types and groups of a day are more than fit in one document.
func TestManyTypesAndGroupsAreInManyDocuments(t *testing.T) {
	uri := testenv.Mongo(t)
	st, db := opened(t, uri), database(t, uri)
	a := metrics.NewAggregator(&metrics.AggregatorOptions{MaxTypes: 3000, Dimensions: []string{"test_id"}, MaxValues: 3000})
	for i := range 4000 {
		e := metrics.Event{Type: "t" + strconv.Itoa(i%1200), Time: start.Add(time.Duration(i) * time.Second), Fields: []metrics.Field{{Name: "test_id", Value: strconv.Itoa(i)}}}
		if err := a.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	want := a.Contribution()
	enter(t, st, batchID(1), want)
	got, err := st.Contribution(t.Context(), batchID(1))
	x, _ := want.AppendBinary(nil)
	y, _ := got.AppendBinary(nil)
	if err != nil || !slices.Equal(x, y) {
		t.Errorf("Contribution has %d cells of %d, %v", len(got), len(want), err)
	}
	dailyIs(t, st, want)
	foldAll(t, st)
	for range 2 { // from the database, then from memory
		dailyIs(t, st, want)
	}
	countsAre := func(groups, details int64) {
		t.Helper()
		for name, want := range map[string]int64{"groups": groups, "details": details} {
			if n, err := db.Collection(name).CountDocuments(t.Context(), bson.D{}); err != nil || n != want {
				t.Errorf("%s has %d documents, %v, want %d", name, n, err, want)
			}
		}
	}
	countsAre(4+1, 2+4)
	if err := st.Amend(t.Context(), batchID(1), want.Totals()); err != nil {
		t.Fatal(err)
	}
	dailyIs(t, st, want.Totals())
	foldAll(t, st)
	countsAre(0, 2)
	if err := st.DeleteBatch(t.Context(), batchID(1)); err != nil {
		t.Fatal(err)
	}
	foldAll(t, st)
	countsAre(0, 0)
}
