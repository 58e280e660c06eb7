package mongostore_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// TestAsOfEveryMoment records at random times of a clock that goes back, too,
// and looks at every one of them, and a millisecond before and after.
func TestAsOfEveryMoment(t *testing.T) {
	var now time.Time
	st, err := mongostore.Open(t.Context(), testenv.Mongo(t), &mongostore.Options{Now: func() time.Time { return now }, Heartbeat: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	st.StopFolding() // which would look at the clock
	rng := rand.New(rand.NewPCG(1, 2))
	moments := make([]time.Time, 8)
	all := make([]metrics.Contribution, len(moments))
	for i := range moments {
		moments[i] = start.Add(time.Duration(rng.IntN(10_000)) * time.Microsecond)
		now = moments[i]
		all[i] = random(t, rng, 6)
		enter(t, st, batchID(i), all[i])
	}
	for _, at := range moments {
		for _, off := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
			asOf := at.Add(off)
			var until []metrics.Contribution
			for i := range moments {
				if !moments[i].Truncate(time.Millisecond).After(asOf) {
					until = append(until, all[i])
				}
			}
			var got metrics.Contribution
			for d, err := range st.DayCounts(t.Context(), metrics.Filter{Slots: true, Subjects: true, Groups: true, AsOf: asOf}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, d)
			}
			if d := cmp.Diff(metrics.Merge(until...), got); d != "" {
				t.Fatalf("as of %v: %s", asOf, d)
			}
		}
	}
}

// TestAsOfGoesThroughManyPages has more shares in a day than one query reads,
// a batch in several documents, days far apart, and a share that counts not.
func TestAsOfGoesThroughManyPages(t *testing.T) {
	uri := testenv.Mongo(t)
	st, db := opened(t, uri), database(t, uri)
	st.StopFolding() // it has nothing to do with this
	var all []metrics.Contribution
	add := func(day, types int) {
		a := metrics.NewAggregator(&metrics.AggregatorOptions{MaxTypes: types})
		for k := range types {
			if err := a.Add(&metrics.Event{Type: batchID(k), Time: start.AddDate(0, 0, day)}); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, a.Contribution())
		enter(t, st, batchID(len(all)), all[len(all)-1])
	}
	for range 205 {
		add(0, 1)
	}
	add(0, 1200)
	for _, day := range []int{1, 29, 30, 31, 200} {
		add(day, 2)
	}
	date := start.Format(time.DateOnly)
	lost := bson.M{"_id": "lost/x/" + date + "/0", "batch_id": "lost", "revision": "x", "date": date, "sealed": false}
	if _, err := db.Collection("shares").InsertOne(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	var got metrics.Contribution
	for d, err := range st.DayCounts(t.Context(), metrics.Filter{Slots: true, Subjects: true, AsOf: time.Now().Add(time.Minute)}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	want := metrics.Merge(all...)
	x, _ := want.AppendBinary(nil)
	y, _ := got.AppendBinary(nil)
	if string(x) != string(y) {
		t.Errorf("%d events in %d cells, want %d in %d", got.Events(), len(got), want.Events(), len(want))
	}
}
