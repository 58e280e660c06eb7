package sqlitestore_test

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// TestAsOfEveryMoment records at random times of a clock that goes back, too,
// and looks at every one of them, and a millisecond before and after.
func TestAsOfEveryMoment(t *testing.T) {
	var now time.Time
	st, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "events.db"), &sqlitestore.Options{Now: func() time.Time { return now }, Heartbeat: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	rng := testRand()
	moments := make([]time.Time, 12)
	all := make([]metrics.Contribution, len(moments))
	for i := range moments {
		moments[i] = time.UnixMicro(1_762_560_000_000_000 + rng.Int64N(15_000))
		now = moments[i]
		all[i] = aContribution(rng, 20_000+i%3, 2, 2, 4+i)
		upload(t, st, strconv.Itoa(i))
		if err := st.Record(t.Context(), strconv.Itoa(i), all[i]); err != nil {
			t.Fatal(err)
		}
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
			got := dailies(t, st, metrics.Filter{Slots: true, Subjects: true, AsOf: asOf})
			if d := cmp.Diff(metrics.Merge(until...), got); d != "" {
				t.Fatalf("as of %v: %s", asOf, d)
			}
		}
	}
}

func TestAsOfHoldsLittleAndStopsWhenItIsTold(t *testing.T) {
	st := opened(t, filepath.Join(t.TempDir(), "events.db"))
	right := aContribution(testRand(), 10_000, 1100, 2, 2)
	upload(t, st, "1")
	if err := st.Record(t.Context(), "1", right); err != nil {
		t.Fatal(err)
	}
	q := metrics.Filter{AsOf: time.Now().Add(time.Minute)}
	if got := dailies(t, st, q); len(got) != 2200 || got.Events() != right.Events() {
		t.Errorf("%d dailies of %d events, want 2200 of %d", len(got), got.Events(), right.Events())
	}
	for _, stop := range []int{1, 2100} {
		n := 0
		for _, err := range st.DayCounts(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == stop {
				break
			}
		}
	}
}
