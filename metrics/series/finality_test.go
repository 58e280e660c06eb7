package series_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// finalitySource serves a contribution as of a moment.
func finalitySource(c metrics.Contribution, now time.Time, pending bool) series.Source {
	src := source(c)
	src.Now = func() time.Time { return now }
	src.Pending = func(context.Context) (bool, error) { return pending, nil }
	return src
}

// unpurgedDay is for Source.UnpurgedDays: one day has events.
func unpurgedDay(day metrics.Day) func(context.Context, metrics.Day, metrics.Day) ([]metrics.Day, error) {
	return func(_ context.Context, first, last metrics.Day) ([]metrics.Day, error) {
		if first != 0 && day < first || last != 0 && day > last {
			return nil, nil
		}
		return []metrics.Day{day}, nil
	}
}

// countsAt makes a type of each count, all at a moment.
func countsAt(at time.Time, counts []int64) metrics.Contribution {
	day := metrics.DayOf(at)
	slot := int(at.Sub(day.Time()) / (15 * time.Minute))
	var c metrics.Contribution
	for i, n := range counts {
		d := metrics.DayCount{Day: day, Type: string(rune('a' + i)), Count: n, Slots: &metrics.Slots{}}
		d.Slots.Add(slot, n)
		c = append(c, d)
	}
	return c
}

func TestFinality(t *testing.T) {
	now := time.Date(2025, 11, 9, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name    string
		query   series.Query
		starts  []string
		pending bool
		want    []series.Finality
	}{
		{"days", series.Query{}, []string{"2025-11-08", "2025-11-09", "2025-11-10"}, false, []series.Finality{"settled", "open", "open"}},
		{"days with batches on their way", series.Query{}, []string{"2025-11-08", "2025-11-09"}, true, []series.Finality{"pending", "open"}},
		{"weeks", series.Query{Interval: series.Week}, []string{"2025-10-27", "2025-11-03"}, false, []series.Finality{"settled", "open"}},
		{"a week that the range cuts", series.Query{Interval: series.Week, To: parseDay(t, "2025-11-08")}, []string{"2025-11-03"}, false, []series.Finality{"settled"}},
		{"all without an end", series.Query{Interval: series.All}, []string{"2025-11-01"}, false, []series.Finality{"open"}},
		{"all with an end", series.Query{Interval: series.All, To: parseDay(t, "2025-11-08")}, []string{"2025-11-01"}, false, []series.Finality{"settled"}},
		{"the day of a zone that is ahead", series.Query{Zone: zone(t, "Pacific/Auckland")}, []string{"2025-11-08", "2025-11-09", "2025-11-10"}, false, []series.Finality{"settled", "settled", "open"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loc := time.UTC
			if tc.query.Zone != nil {
				loc = tc.query.Zone
			}
			var in []metrics.Event
			for _, text := range tc.starts {
				start, err := time.ParseInLocation(time.DateOnly, text, loc)
				if err != nil {
					t.Fatal(err)
				}
				in = append(in, metrics.Event{Type: "a", Time: start})
			}
			tc.query.Finality = true
			r, err := series.Run(t.Context(), finalitySource(aggregate(t, in...), now, tc.pending), tc.query)
			if err != nil {
				t.Fatal(err)
			}
			var got []series.Finality
			for _, b := range r.Buckets {
				got = append(got, b.Finality)
			}
			if d := gocmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFinalitySealed(t *testing.T) {
	now := time.Date(2025, 11, 9, 12, 0, 0, 0, time.UTC)
	eventful := parseDay(t, "2025-11-05")
	filled := series.Query{From: eventful + 1, To: eventful + 1, Types: []string{"a", "b"}, Fill: true}
	for _, tc := range []struct {
		name   string
		query  series.Query
		start  string
		counts []int64
		want   series.Finality
	}{
		{"a day", filled, "2025-11-06T00:00:00Z", []int64{0, 3}, "sealed"},
		{"a day with events that are left", series.Query{}, "2025-11-05T00:00:00Z", []int64{3}, "settled"},
		{"a day without events", filled, "2025-11-06T00:00:00Z", []int64{0, 0}, "settled"},
		{"a day that is not over", series.Query{}, "2025-11-09T00:00:00Z", []int64{1}, "open"},
		{"a week", series.Query{Interval: series.Week}, "2025-10-27T00:00:00Z", []int64{1}, "sealed"},
		{"a week with such a day", series.Query{Interval: series.Week, To: parseDay(t, "2025-11-08")}, "2025-11-03T00:00:00Z", []int64{1}, "settled"},
		{"a week cut to the days after it", series.Query{Interval: series.Week, From: eventful + 1, To: eventful + 2}, "2025-11-03T00:00:00Z", []int64{1}, "sealed"},
		{"a week cut to the days before it", series.Query{Interval: series.Week, To: eventful - 1}, "2025-11-03T00:00:00Z", []int64{1}, "sealed"},
		{"a day of a zone that ends in it", series.Query{Zone: zone(t, "America/New_York")}, "2025-11-04T00:00:00-05:00", []int64{1}, "settled"},
		{"an hour of it", series.Query{Interval: series.Hour}, "2025-11-05T03:00:00Z", []int64{1}, "settled"},
		{"an hour of another day", series.Query{Interval: series.Hour}, "2025-11-04T23:00:00Z", []int64{1}, "sealed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start, err := time.Parse(time.RFC3339, tc.start)
			if err != nil {
				t.Fatal(err)
			}
			if tc.query.Zone != nil {
				start = start.In(tc.query.Zone)
			}
			if tc.query.From != 0 {
				start = tc.query.From.Time() // the bucket begins before the range
			}
			tc.query.Finality = true
			for _, pending := range []bool{true, false} {
				src := finalitySource(countsAt(start, tc.counts), now, pending)
				src.UnpurgedDays = unpurgedDay(eventful)
				r, err := series.Run(t.Context(), src, tc.query)
				if err != nil {
					t.Fatal(err)
				}
				want := tc.want
				if pending && want != series.Open {
					want = series.Pending
				}
				if len(r.Buckets) != len(tc.counts) {
					t.Fatalf("got %d buckets, want %d", len(r.Buckets), len(tc.counts))
				}
				for _, b := range r.Buckets {
					if b.Finality != want {
						t.Errorf("pending %t: %s, want %s", pending, b.Finality, want)
					}
				}
			}
		})
	}
}

func TestFinalityOfTheResult(t *testing.T) {
	now := time.Date(2025, 11, 9, 12, 0, 0, 0, time.UTC)
	last := parseDay(t, "2025-11-08")
	none := func(context.Context, metrics.Day, metrics.Day) ([]metrics.Day, error) { return nil, nil }
	for _, tc := range []struct {
		name     string
		query    series.Query
		pending  bool
		unpurged func(context.Context, metrics.Day, metrics.Day) ([]metrics.Day, error)
		want     series.Finality
	}{
		{"no last day", series.Query{}, false, none, series.Open},
		{"a last day to come", series.Query{To: last + 1}, false, none, series.Open},
		{"a range that is over", series.Query{To: last}, false, nil, series.Settled},
		{"with batches on their way", series.Query{To: last}, true, none, series.Pending},
		{"without raw events", series.Query{To: last}, false, none, series.Sealed},
		{"with raw events of a day", series.Query{To: last}, false, unpurgedDay(last - 3), series.Settled},
		{"without events", series.Query{From: last - 1, To: last - 1}, false, none, series.Settled},
		{"as of a moment ago", series.Query{AsOf: now.Add(-59 * time.Second)}, true, nil, series.Open},
		{"as of a minute ago", series.Query{AsOf: now.Add(-time.Minute)}, true, nil, series.Settled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src := finalitySource(countsAt(last.Time(), []int64{1}), now, tc.pending)
			src.UnpurgedDays = tc.unpurged
			r, err := series.Run(t.Context(), src, tc.query)
			if err != nil || r.Finality != tc.want {
				t.Errorf("%s, %v, want %s", r.Finality, err, tc.want)
			}
		})
	}
}

func TestBatchRecordedMeanwhileUnseals(t *testing.T) {
	day := parseDay(t, "2025-11-08")
	src := finalitySource(countsAt(day.Time(), []int64{1}), (day + 2).Time(), false)
	var left []metrics.Day
	src.UnpurgedDays = func(context.Context, metrics.Day, metrics.Day) ([]metrics.Day, error) { return left, nil }
	read := src.DayCounts
	src.DayCounts = func(ctx context.Context, f metrics.Filter) iter.Seq2[metrics.DayCount, error] {
		left = []metrics.Day{day}
		return read(ctx, f)
	}
	r, err := series.Run(t.Context(), src, series.Query{From: day, To: day, Finality: true})
	if err != nil || r.Finality != series.Settled || r.Buckets[0].Finality != series.Settled {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestErrorsOfTheSourceArePassedOn(t *testing.T) {
	day := parseDay(t, "2025-11-08")
	broken := errors.New("broken")
	for name, breakIt := range map[string]func(*series.Source){
		"Pending": func(s *series.Source) { s.Pending = func(context.Context) (bool, error) { return false, broken } },
		"UnpurgedDays": func(s *series.Source) {
			s.UnpurgedDays = func(context.Context, metrics.Day, metrics.Day) ([]metrics.Day, error) { return nil, broken }
		},
		"DayCounts": func(s *series.Source) {
			s.DayCounts = func(context.Context, metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				return func(yield func(metrics.DayCount, error) bool) { yield(metrics.DayCount{}, broken) }
			}
		},
	} {
		src := finalitySource(nil, (day + 2).Time(), false)
		breakIt(&src)
		if _, err := series.Run(t.Context(), src, series.Query{From: day, To: day}); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
