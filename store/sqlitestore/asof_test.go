package sqlitestore_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// TestAsOfEveryMoment records at random times of a clock that goes back, too,
// and looks at every one of them, and a millisecond before and behind.
func TestAsOfEveryMoment(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(r *rapid.T) {
		var now time.Time
		files++
		st, err := sqlitestore.Open(t.Context(), filepath.Join(dir, strconv.Itoa(files)), &sqlitestore.Options{Now: func() time.Time { return now }})
		if err != nil {
			r.Fatal(err)
		}
		defer st.Close()
		start := time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC)
		moments := rapid.SliceOfN(rapid.Int64Range(0, 20_000), 1, 6).Draw(r, "microseconds")
		all := make([]metrics.Contribution, len(moments))
		for i, at := range moments {
			now = start.Add(time.Duration(at) * time.Microsecond)
			all[i] = aContribution(testRand(), 20_000+i%3, 2, 2, 4+i)
			upload(t, st, strconv.Itoa(i))
			if err := st.Record(t.Context(), strconv.Itoa(i), all[i]); err != nil {
				r.Fatal(err)
			}
		}
		for _, at := range moments {
			for _, off := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
				asOf := start.Add(time.Duration(at)*time.Microsecond + off)
				var until []metrics.Contribution
				for i, other := range moments {
					recorded := start.Add(time.Duration(other) * time.Microsecond).Truncate(time.Millisecond)
					if !recorded.After(asOf) {
						until = append(until, all[i])
					}
				}
				want := slices.Clone(metrics.Merge(until...))
				got := dailies(t, st, metrics.Query{Slots: true, Subjects: true, AsOf: asOf})
				if d := cmp.Diff([]metrics.Daily(want), []metrics.Daily(got)); d != "" {
					r.Fatalf("as of %v: %s", asOf, d)
				}
			}
		}
	})
}

func TestAsOfHoldsLittleAndStopsWhenItIsTold(t *testing.T) {
	st := opened(t, filepath.Join(t.TempDir(), "events.db"))
	right := aContribution(testRand(), 10_000, 1500, 2, 2)
	for i := range 2 {
		upload(t, st, strconv.Itoa(i))
		if err := st.Record(t.Context(), strconv.Itoa(i), right); err != nil {
			t.Fatal(err)
		}
	}
	q := metrics.Query{AsOf: time.Now().Add(time.Minute)}
	if got := dailies(t, st, q); len(got) != 3000 || got.Events() != 2*right.Events() {
		t.Errorf("%d dailies of %d events, want 3000 of %d", len(got), got.Events(), 2*right.Events())
	}
	for _, stop := range []int{1, 2500} {
		n := 0
		for _, err := range st.Daily(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == stop {
				break
			}
		}
	}
}
