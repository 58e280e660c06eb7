package series_test

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

const firstTopDay metrics.Day = 20000

// counts makes the buckets of one day each, by type. The earlier range has
// twice as many events.
func counts(days ...map[string]int64) []series.Bucket {
	var all []series.Bucket
	for i, byType := range days {
		for _, name := range slices.Sorted(maps.Keys(byType)) {
			n := byType[name]
			all = append(all, series.Bucket{Start: (firstTopDay + metrics.Day(i)).Time(), Type: name, Count: n, Previous: 2 * n})
		}
	}
	return all
}

// top asks for the first types of what counts makes.
func top(t interface{ Fatal(...any) }, n int, other bool, days ...map[string]int64) series.Result {
	size := metrics.Day(max(len(days), 1))
	var c metrics.Contribution
	for _, b := range counts(days...) {
		day := metrics.DayOf(b.Start)
		c = append(
			c, metrics.DayCount{Day: day, Type: b.Type, Count: b.Count},
			metrics.DayCount{Day: day - size, Type: b.Type, Count: b.Previous},
		)
	}
	q := series.Query{From: firstTopDay, To: firstTopDay + size - 1, Compare: series.PreviousPeriod, Top: n, Other: other}
	return run(t, q, c)
}

func TestTop(t *testing.T) {
	type days = []map[string]int64
	in := days{
		{"a": 1, "b": 5, "c": 3},
		{"A": 1, "a": 4, "z": 2},
		{"z": 1},
	}
	for _, tc := range []struct {
		name  string
		in    days
		n     int
		other bool
		want  days
	}{
		{"all types", in, 0, false, in},
		{"the greatest over the range, of equal ones the first by name", in, 1, false, days{{"a": 1}, {"a": 4}}},
		{"two", in, 2, false, days{{"a": 1, "b": 5}, {"a": 4}}},
		{"and the rest", in, 2, true, days{{"a": 1, "b": 5, "__other__": 3}, {"a": 4, "__other__": 3}, {"__other__": 1}}},
		{"more than there are", in, 9, true, in},
		{"a type called other, by name", days{{"__other__": 9, "a": 1, "b": 2}}, 1, false, days{{"__other__": 9}}},
		{"a type called other, in the rest", days{{"__other__": 9, "a": 1, "b": 2}}, 1, true, days{{"__other__": 10, "b": 2}}},
		{"nothing", nil, 1, true, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := top(t, tc.n, tc.other, tc.in...)
			if d := gocmp.Diff(slices.Concat(counts(tc.want...)), slices.Concat(got.Buckets), cmpSketch); d != "" {
				t.Error(d)
			}
			var sum int64
			for _, b := range counts(tc.in...) {
				sum += b.Count
			}
			if got.Count != sum || got.PreviousCount != 2*sum {
				t.Errorf("the result counts %d and %d, want %d and %d", got.Count, got.PreviousCount, sum, 2*sum)
			}
		})
	}
}

func TestTopWithTheRestKeepsTheSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"a", "b", "c", "Z", "_", "__other__", "~"})
		in := rapid.SliceOfN(rapid.MapOf(name, rapid.Int64Range(1, 9)), 0, 5).Draw(t, "days")
		n := rapid.IntRange(1, 8).Draw(t, "n")
		type sums struct{ Count, Previous int64 }
		sum := func(buckets []series.Bucket) map[time.Time]sums {
			m := map[time.Time]sums{}
			for _, b := range buckets {
				m[b.Start] = sums{m[b.Start].Count + b.Count, m[b.Start].Previous + b.Previous}
			}
			return m
		}
		got := top(t, n, true, in...).Buckets
		if d := gocmp.Diff(sum(counts(in...)), sum(got)); d != "" {
			t.Fatal(d)
		}
		if !slices.IsSortedFunc(got, func(a, b series.Bucket) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Type, b.Type))
		}) {
			t.Fatalf("not in order: %v", got)
		}
	})
}

func TestTopMergesUniques(t *testing.T) {
	day := parseDay(t, "2025-11-08")
	var in []metrics.Event
	for i, name := range []string{"a", "a", "a", "b", "c"} {
		who := strconv.Itoa(i % 4) // who did c did a
		in = append(in, metrics.Event{Type: name, Time: day.Time(), Fields: []metrics.Field{{Name: "candidate_id", Value: who}}})
	}
	got := run(t, series.Query{Uniques: true, Top: 1, Other: true}, aggregate(t, in...)).Buckets
	if len(got) != 2 || got[0].Type != metrics.Other || got[0].Uniques() != 2 || got[1].Uniques() != 3 {
		t.Fatalf("got %+v", got)
	}
}
