package series_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// counts makes buckets of one start each, of types and counts in turns.
func counts(starts ...map[string]int64) []series.Bucket {
	var all []series.Bucket
	for i, byType := range starts {
		start := metrics.Day(20000 + i).Time()
		first := len(all)
		for name, n := range byType {
			all = append(all, series.Bucket{Start: start, Type: name, Count: n, Previous: 2 * n})
		}
		slices.SortFunc(all[first:], func(a, b series.Bucket) int {
			if a.Type < b.Type {
				return -1
			}
			return 1
		})
	}
	return all
}

func TestTop(t *testing.T) {
	in := counts(
		map[string]int64{"a": 1, "b": 5, "c": 3},
		map[string]int64{"A": 1, "a": 4, "z": 2},
		map[string]int64{"z": 1},
	)
	for _, tc := range []struct {
		name  string
		in    []series.Bucket
		n     int
		other bool
		want  []series.Bucket
	}{
		{"the greatest over the range, of equal ones the first by name", in, 1, false, counts(map[string]int64{"a": 1}, map[string]int64{"a": 4})},
		{"two", in, 2, false, counts(map[string]int64{"a": 1, "b": 5}, map[string]int64{"a": 4})},
		{"and the rest", in, 2, true, counts(map[string]int64{"a": 1, "b": 5, "__other__": 3}, map[string]int64{"a": 4, "__other__": 3}, map[string]int64{"__other__": 1})},
		{"more than there are", in, 9, true, in},
		{"a type called other, by name", counts(map[string]int64{"__other__": 9, "a": 1, "b": 2}), 1, false, counts(map[string]int64{"__other__": 9})},
		{"a type called other, in the rest", counts(map[string]int64{"__other__": 9, "a": 1, "b": 2}), 1, true, counts(map[string]int64{"__other__": 10, "b": 2})},
		{"nothing", nil, 1, true, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := series.Top(tc.in, tc.n, tc.other)
			if d := gocmp.Diff(slices.Concat(tc.want), slices.Concat(got), cmpSketch); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTopWithTheRestKeepsTheSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"a", "b", "c", "Z", "_", "__other__", "~"})
		in := counts(rapid.SliceOfN(rapid.MapOf(name, rapid.Int64Range(0, 9)), 0, 5).Draw(t, "starts")...)
		n := rapid.IntRange(1, 8).Draw(t, "n")
		type sums struct{ Count, Previous int64 }
		sum := func(buckets []series.Bucket) map[time.Time]sums {
			m := map[time.Time]sums{}
			for _, b := range buckets {
				m[b.Start] = sums{m[b.Start].Count + b.Count, m[b.Start].Previous + b.Previous}
			}
			return m
		}
		got := series.Top(in, n, true)
		if d := gocmp.Diff(sum(in), sum(got)); d != "" {
			t.Fatal(d)
		}
		if !slices.IsSortedFunc(got, func(a, b series.Bucket) int {
			if c := a.Start.Compare(b.Start); c != 0 || a.Type == b.Type {
				return c
			}
			return map[bool]int{true: -1, false: 1}[a.Type < b.Type]
		}) {
			t.Fatalf("not in order: %v", got)
		}
	})
}

func TestTopMergesUniquesAndChangesNothing(t *testing.T) {
	day := parseDay(t, "2025-11-08")
	var in []metrics.Event
	for i, name := range []string{"a", "a", "a", "b", "c"} {
		who := strconv.Itoa(i % 4) // who did c did a
		in = append(in, metrics.Event{Type: name, Time: day.Time(), Fields: []metrics.Field{{Name: "candidate_id", Value: who}}})
	}
	s := series.Query{Uniques: true}
	buckets, err := s.Buckets(seq(aggregate(t, in...), s.Filter()))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		top := series.Top(buckets, 1, true)
		if len(top) != 2 || top[0].Type != metrics.Other || top[0].Uniques() != 2 || top[1].Uniques() != 3 {
			t.Fatalf("got %+v", top)
		}
	}
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
			var buckets []series.Bucket
			for _, text := range tc.starts {
				start, err := time.ParseInLocation(time.DateOnly, text, loc)
				if err != nil {
					t.Fatal(err)
				}
				buckets = append(buckets, series.Bucket{Start: start})
			}
			tc.query.SetFinality(buckets, now, tc.pending, nil)
			var got []series.Finality
			for _, b := range buckets {
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
	unsealed := parseDay(t, "2025-11-05")
	sealed := func(first, last metrics.Day) bool { return unsealed < first || unsealed > last }
	for _, tc := range []struct {
		name   string
		query  series.Query
		start  string
		counts []int64
		want   series.Finality
	}{
		{"a day", series.Query{}, "2025-11-06T00:00:00Z", []int64{0, 3}, "sealed"},
		{"a day in which something is not", series.Query{}, "2025-11-05T00:00:00Z", []int64{3}, "settled"},
		{"a day without events", series.Query{}, "2025-11-06T00:00:00Z", []int64{0, 0}, "settled"},
		{"a day that is not over", series.Query{}, "2025-11-09T00:00:00Z", []int64{1}, "open"},
		{"a week", series.Query{Interval: series.Week}, "2025-10-27T00:00:00Z", []int64{1}, "sealed"},
		{"a week in which something is not", series.Query{Interval: series.Week, To: parseDay(t, "2025-11-08")}, "2025-11-03T00:00:00Z", []int64{1}, "settled"},
		{"a week that begins behind it", series.Query{Interval: series.Week, From: unsealed + 1, To: unsealed + 2}, "2025-11-03T00:00:00Z", []int64{1}, "sealed"},
		{"a week that ends before it", series.Query{Interval: series.Week, To: unsealed - 1}, "2025-11-03T00:00:00Z", []int64{1}, "sealed"},
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
			var buckets []series.Bucket
			for _, n := range tc.counts {
				buckets = append(buckets, series.Bucket{Start: start, Count: n})
			}
			for _, pending := range []bool{true, false} {
				tc.query.SetFinality(buckets, now, pending, sealed)
				want := tc.want
				if pending && want != series.Open {
					want = series.Pending
				}
				for _, b := range buckets {
					if b.Finality != want {
						t.Errorf("pending %t: %s, want %s", pending, b.Finality, want)
					}
				}
			}
		})
	}
}
