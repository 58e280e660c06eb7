package sqlitestore_test

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// TestAsOfEveryMoment records at random times of a clock that goes back, too,
// corrects and deletes some of it, and looks at every one of the times, and a
// millisecond before and after.
func TestAsOfEveryMoment(t *testing.T) {
	var now time.Time
	st, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "events.db"), &sqlitestore.Options{Now: func() time.Time { return now }, Heartbeat: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	rng := testRand()
	moments := make([]time.Time, 60)
	all := make([]metrics.Contribution, len(moments))
	for i := range moments {
		moments[i] = time.UnixMicro(1_762_560_000_000_000 + int64(i)*500 + rng.Int64N(5_000))
		now = moments[i]
		all[i] = aContribution(rng, 20_000+i%3, 2, 2, 4+i)
		upload(t, st, strconv.Itoa(i))
		if err := st.Record(t.Context(), strconv.Itoa(i), all[i]); err != nil {
			t.Fatal(err)
		}
	}
	look := func(when string) {
		t.Helper()
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
					t.Fatalf("%s, as of %v: %s", when, asOf, d)
				}
			}
		}
		for place := ""; ; {
			in, err := st.Inspect(t.Context(), place)
			if err != nil || len(in.Damages) > 0 {
				t.Fatalf("%s: inspect %q: %v, %v", when, place, in.Damages, err)
			}
			if place = in.Next; place == "" {
				return
			}
		}
	}
	look("after Record")
	for range 25 {
		i := rng.IntN(len(all))
		if all[i] == nil {
			continue
		}
		if rng.IntN(2) == 0 {
			all[i] = aContribution(rng, 20_000+i%4, 2, 2, 4) // of another day, too
			err = st.Amend(t.Context(), strconv.Itoa(i), all[i])
		} else {
			all[i] = nil
			err = st.DeleteBatch(t.Context(), strconv.Itoa(i))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	look("after changes")
	if _, err := st.Prune(t.Context(), store.PruneQuery{}); err != nil {
		t.Fatal(err)
	}
	look("after Prune")
	if err := st.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	look("after Rebuild")
}

// TestAsOfReadsFewRows looks at every moment of a day with many batches, of which
// some were recorded by a clock that was behind.
func TestAsOfReadsFewRows(t *testing.T) {
	now := time.UnixMilli(1_762_560_000_000)
	st, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "events.db"), &sqlitestore.Options{Now: func() time.Time { return now }, Heartbeat: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	const batches, behind = 300, 40
	start := now
	rng := testRand()
	for i := range batches {
		now = start.Add(time.Duration(i) * time.Second)
		if i%(batches/behind) == 0 {
			now = start.Add(time.Duration(rng.IntN(i+1)) * time.Second)
		}
		upload(t, st, strconv.Itoa(i))
		if err := st.Record(t.Context(), strconv.Itoa(i), aContribution(rng, 20_000, 1, 2, 3)); err != nil {
			t.Fatal(err)
		}
	}
	// 3 of each level: of 1, 4, 16, 64 and 256 entries.
	const most = 3 + 3 + 3 + 3 + 1
	for i := range batches {
		if i == 1 {
			if _, err := st.Prune(t.Context(), store.PruneQuery{}); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := st.RowsAsOf(t.Context(), 20_000, start.Add(time.Duration(i)*time.Second))
		if err != nil || rows > most && i > 0 {
			t.Fatalf("as of the %dth second: %d rows, want at most %d, %v", i, rows, most, err)
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
