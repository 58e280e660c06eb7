package series_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// liveBytes returns how much memory is in use after a collection.
func liveBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// wideDays has totals with groups of their own values of two dimensions.
func wideDays(days, types, groups int) metrics.Contribution {
	sum := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "subject", Dimensions: []string{"country", "device"}, MaxGroups: 1e6})
	for d := range days {
		for g := range max(groups, 100) {
			for n := range types {
				fields := []metrics.Field{{Name: "subject", Value: strconv.Itoa(g)}}
				if groups > 0 {
					fields = append(fields, metrics.Field{Name: "country", Value: fmt.Sprint("country-", g%100)}, metrics.Field{Name: "device", Value: fmt.Sprint("device-", g/100)})
				}
				e := metrics.Event{Type: fmt.Sprint("type", n), Time: time.Date(2025, 1, 1+d, g%24, 0, 0, 0, time.UTC), Fields: fields}
				if err := sum.Add(&e); err != nil {
					panic(err)
				}
			}
		}
	}
	return sum.Contribution()
}

// ownDays has an event of each of many types on a day of its own.
func ownDays(types int) (c metrics.Contribution) {
	first := metrics.DayOf(time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC))
	for i := range types {
		c = append(c, metrics.DayCount{Day: first + metrics.Day(i), Type: fmt.Sprint("type", i), Count: 1})
	}
	return c
}

func TestRequireIsToldWhatAResultTakes(t *testing.T) {
	by := []string{"country", "device"}
	for _, tc := range []struct {
		name  string
		days  metrics.Contribution
		query series.Query
	}{
		{"groups by day", wideDays(8, 1, 5000), series.Query{GroupBy: by, Total: true}},
		{"groups by type and day", wideDays(4, 4, 2000), series.Query{GroupBy: by}},
		{"one dimension by hour", wideDays(4, 4, 2000), series.Query{GroupBy: by[:1], Interval: series.Hour}},
		{"types by hour", wideDays(30, 40, 0), series.Query{Interval: series.Hour}},
		{"types on days of their own", ownDays(3000), series.Query{}},
		{"uniques", wideDays(30, 40, 0), series.Query{Uniques: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var before, took, said int64
			src := source(tc.days)
			all := src.DayCounts
			src.DayCounts = func(ctx context.Context, f metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				return func(yield func(metrics.DayCount, error) bool) {
					before = liveBytes()
					all(ctx, f)(yield)
					took = liveBytes() - before
				}
			}
			src.Require = func(_ context.Context, bytes int64) error {
				said = max(said, bytes)
				return nil
			}
			r, err := series.Run(t.Context(), src, tc.query)
			if err != nil {
				t.Fatal(err)
			}
			took = max(took, liveBytes()-before)
			t.Logf("%d buckets, told %d KiB, while reading or at the end %d KiB", len(r.Buckets), said>>10, took>>10)
			if took > said+1<<20 || said > 4*took+4<<20 {
				t.Errorf("told %d, but %d were in use", said, took)
			}
			runtime.KeepAlive(tc.days)
		})
	}
}

func TestAnErrorOfRequireEndsTheQuery(t *testing.T) {
	full := errors.New("full")
	src := source(wideDays(2, 1, 5000))
	src.Require = func(context.Context, int64) error { return full }
	if _, err := series.Run(t.Context(), src, series.Query{GroupBy: []string{"device", "country"}}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}
