package metrics_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// counts makes buckets of one start each, of types and counts in turns.
func counts(starts ...map[string]int64) []metrics.Bucket {
	var all []metrics.Bucket
	for i, byType := range starts {
		start := metrics.Day(20000 + i).Time()
		first := len(all)
		for name, n := range byType {
			all = append(all, metrics.Bucket{Start: start, Type: name, Count: n, Previous: 2 * n})
		}
		slices.SortFunc(all[first:], func(a, b metrics.Bucket) int {
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
		in    []metrics.Bucket
		n     int
		other bool
		want  []metrics.Bucket
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
			got := metrics.Top(tc.in, tc.n, tc.other)
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
		sum := func(buckets []metrics.Bucket) map[time.Time]sums {
			m := map[time.Time]sums{}
			for _, b := range buckets {
				m[b.Start] = sums{m[b.Start].Count + b.Count, m[b.Start].Previous + b.Previous}
			}
			return m
		}
		got := metrics.Top(in, n, true)
		if d := gocmp.Diff(sum(in), sum(got)); d != "" {
			t.Fatal(d)
		}
		if !slices.IsSortedFunc(got, func(a, b metrics.Bucket) int {
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
	s := metrics.Series{Uniques: true}
	buckets, err := s.Buckets(seq(aggregate(t, in...), s.Query()))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		top := metrics.Top(buckets, 1, true)
		if len(top) != 2 || top[0].Type != metrics.Other || top[0].Uniques() != 2 || top[1].Uniques() != 3 {
			t.Fatalf("got %+v", top)
		}
	}
}

func TestFinality(t *testing.T) {
	now := time.Date(2025, 11, 9, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name    string
		series  metrics.Series
		starts  []string
		pending bool
		want    []metrics.Finality
	}{
		{"days", metrics.Series{}, []string{"2025-11-08", "2025-11-09", "2025-11-10"}, false, []metrics.Finality{"settled", "open", "open"}},
		{"days with batches on their way", metrics.Series{}, []string{"2025-11-08", "2025-11-09"}, true, []metrics.Finality{"pending", "open"}},
		{"weeks", metrics.Series{Interval: metrics.Weekly}, []string{"2025-10-27", "2025-11-03"}, false, []metrics.Finality{"settled", "open"}},
		{"a week that the range cuts", metrics.Series{Interval: metrics.Weekly, To: parseDay(t, "2025-11-08")}, []string{"2025-11-03"}, false, []metrics.Finality{"settled"}},
		{"all without an end", metrics.Series{Interval: metrics.All}, []string{"2025-11-01"}, false, []metrics.Finality{"open"}},
		{"all with an end", metrics.Series{Interval: metrics.All, To: parseDay(t, "2025-11-08")}, []string{"2025-11-01"}, false, []metrics.Finality{"settled"}},
		{"the day of a zone that is ahead", metrics.Series{Zone: zone(t, "Pacific/Auckland")}, []string{"2025-11-08", "2025-11-09", "2025-11-10"}, false, []metrics.Finality{"settled", "settled", "open"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loc := time.UTC
			if tc.series.Zone != nil {
				loc = tc.series.Zone
			}
			var buckets []metrics.Bucket
			for _, text := range tc.starts {
				start, err := time.ParseInLocation(time.DateOnly, text, loc)
				if err != nil {
					t.Fatal(err)
				}
				buckets = append(buckets, metrics.Bucket{Start: start})
			}
			tc.series.SetFinality(buckets, now, tc.pending, nil)
			var got []metrics.Finality
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
		series metrics.Series
		start  string
		counts []int64
		want   metrics.Finality
	}{
		{"a day", metrics.Series{}, "2025-11-06T00:00:00Z", []int64{0, 3}, "sealed"},
		{"a day in which something is not", metrics.Series{}, "2025-11-05T00:00:00Z", []int64{3}, "settled"},
		{"a day without events", metrics.Series{}, "2025-11-06T00:00:00Z", []int64{0, 0}, "settled"},
		{"a day that is not over", metrics.Series{}, "2025-11-09T00:00:00Z", []int64{1}, "open"},
		{"a week", metrics.Series{Interval: metrics.Weekly}, "2025-10-27T00:00:00Z", []int64{1}, "sealed"},
		{"a week in which something is not", metrics.Series{Interval: metrics.Weekly, To: parseDay(t, "2025-11-08")}, "2025-11-03T00:00:00Z", []int64{1}, "settled"},
		{"a week that begins behind it", metrics.Series{Interval: metrics.Weekly, From: unsealed + 1, To: unsealed + 2}, "2025-11-03T00:00:00Z", []int64{1}, "sealed"},
		{"a week that ends before it", metrics.Series{Interval: metrics.Weekly, To: unsealed - 1}, "2025-11-03T00:00:00Z", []int64{1}, "sealed"},
		{"a day of a zone that ends in it", metrics.Series{Zone: zone(t, "America/New_York")}, "2025-11-04T00:00:00-05:00", []int64{1}, "settled"},
		{"an hour of it", metrics.Series{Interval: metrics.Hourly}, "2025-11-05T03:00:00Z", []int64{1}, "settled"},
		{"an hour of another day", metrics.Series{Interval: metrics.Hourly}, "2025-11-04T23:00:00Z", []int64{1}, "sealed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start, err := time.Parse(time.RFC3339, tc.start)
			if err != nil {
				t.Fatal(err)
			}
			if tc.series.Zone != nil {
				start = start.In(tc.series.Zone)
			}
			var buckets []metrics.Bucket
			for _, n := range tc.counts {
				buckets = append(buckets, metrics.Bucket{Start: start, Count: n})
			}
			for _, pending := range []bool{true, false} {
				tc.series.SetFinality(buckets, now, pending, sealed)
				want := tc.want
				if pending && want != metrics.Open {
					want = metrics.Pending
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
