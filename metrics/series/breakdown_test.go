package series_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// valueOf is what an event counts as in a dimension.
func valueOf(e *metrics.Event, dimension string) string {
	v := e.Field(dimension)
	if v == metrics.Unknown {
		return metrics.Other
	}
	return v
}

// groupQuery draws a query that needs groups.
func groupQuery(t *rapid.T) series.Query {
	s := series.Query{
		Zone:     zone(t, rapid.SampledFrom(zones).Draw(t, "zone")),
		Interval: rapid.SampledFrom([]series.Interval{series.Day, series.Week, series.Month, series.Hour, series.All}).Draw(t, "interval"),
		Total:    rapid.Bool().Draw(t, "total"),
		Types:    rapid.SampledFrom([][]string{nil, {"started"}, {"$x", "😀"}}).Draw(t, "types"),
		GroupBy:  rapid.SampledFrom([][]string{nil, {"test_id"}, {"country"}, {"test_id", "country"}, {"country", "test_id"}}).Draw(t, "group_by"),
	}
	if s.GroupBy == nil || rapid.Bool().Draw(t, "filtered") {
		s.Where = map[string][]string{"test_id": rapid.SliceOfN(rapid.SampledFrom([]string{"T1", "", "T9", "T\x00"}), 1, 2).Draw(t, "tests")}
	}
	if rapid.Bool().Draw(t, "filtered by country") {
		s.Where = map[string][]string{"country": {"np"}, "test_id": {"T1", "T2"}}
	}
	if rapid.Bool().Draw(t, "ranged") {
		s.From = metrics.Day(rapid.IntRange(20395, 20402).Draw(t, "from"))
		s.To = s.From + metrics.Day(rapid.IntRange(0, 4).Draw(t, "days"))
	}
	return s
}

// selects says whether the query has an event in its range and of its types.
func selects(s *series.Query, e *metrics.Event) bool {
	date := e.Time.In(s.Zone).Format(time.DateOnly)
	return (s.From == 0 || date >= s.From.String() && date <= s.To.String()) && (s.Types == nil || slices.Contains(s.Types, e.Type))
}

// bucketOf names the bucket of an event without the package.
func bucketOf(s *series.Query, at time.Time, eventType string, group []string) string {
	if s.Total {
		eventType = ""
	}
	return fmt.Sprintf("%s %q %q", dateOf(at.In(s.Zone), s.Interval), eventType, group)
}

func counted(s *series.Query, buckets []series.Bucket) map[string]int64 {
	got := map[string]int64{}
	for i := range buckets {
		got[bucketOf(s, buckets[i].Start, buckets[i].Type, buckets[i].Group)] += buckets[i].Count
	}
	return got
}

func TestGroupsEqualARecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		broken, whole := events().Draw(t, "broken down"), events().Draw(t, "not broken down")
		by := rapid.SampledFrom([][]string{{"test_id", "country"}, {"country", "test_id", "candidate_id"}}).Draw(t, "dimensions")
		ledger := metrics.Merge(aggregateBy(t, by, broken...), aggregateBy(t, []string{"candidate_id"}, whole...))
		s := groupQuery(t)
		want := map[string]int64{}
		var unattributed int64
		for _, e := range broken {
			keep, maybe := true, true
			for dimension, values := range s.Where {
				if v := valueOf(&e, dimension); !slices.Contains(values, v) {
					keep, maybe = false, maybe && v == metrics.Other
				}
			}
			if !selects(&s, &e) {
				continue
			}
			if !keep && maybe {
				unattributed++
			}
			if !keep {
				continue
			}
			var group []string
			for _, dimension := range s.GroupBy {
				group = append(group, valueOf(&e, dimension))
			}
			want[bucketOf(&s, e.Time, e.Type, group)]++
		}
		for _, e := range whole {
			if !selects(&s, &e) {
				continue
			}
			unattributed++
			if s.Where == nil {
				want[bucketOf(&s, e.Time, e.Type, slices.Repeat([]string{metrics.Unknown}, len(s.GroupBy)))]++
			}
		}
		r := run(t, s, ledger)
		if d := cmp.Diff(want, counted(&s, r.Buckets)); d != "" {
			t.Fatal(d)
		}
		if r.Unattributed != unattributed || r.Collapsed != 0 {
			t.Fatalf("unattributed %d, collapsed %d, want %d and 0", r.Unattributed, r.Collapsed, unattributed)
		}
		if !slices.IsSortedFunc(r.Buckets, inOrder) {
			t.Fatal("buckets are out of order")
		}
	})
}

func inOrder(a, b series.Bucket) int {
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	if c := strings.Compare(a.Type, b.Type); c != 0 {
		return c
	}
	return slices.Compare(a.Group, b.Group)
}

// capped sums events with few groups.
func capped(t *rapid.T, events []metrics.Event) metrics.Contribution {
	a := metrics.NewAggregator(&metrics.AggregatorOptions{
		Dimensions: []string{"test_id", "country"},
		MaxValues:  rapid.IntRange(1, 4).Draw(t, "values"),
		MaxGroups:  rapid.IntRange(1, 6).Draw(t, "groups"),
	})
	for i := range events {
		if err := a.Add(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	return a.Contribution()
}

func TestCapsNeitherLoseNorOvercount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, more := events().Draw(t, "a"), events().Draw(t, "b")
		ledger := metrics.Merge(capped(t, in), capped(t, more))
		in = append(in, more...)
		s := groupQuery(t)
		s.Where, s.GroupBy, s.Top = nil, []string{"test_id", "country"}, rapid.IntRange(1, 3).Draw(t, "named")
		full := map[string]int64{}
		for _, e := range in {
			if selects(&s, &e) {
				full[bucketOf(&s, e.Time, e.Type, []string{valueOf(&e, "test_id"), valueOf(&e, "country")})]++
			}
		}
		r := run(t, s, ledger)
		named := map[string]bool{}
		for _, b := range r.Buckets {
			if slices.Contains(b.Group, metrics.Other) {
				if !slices.Equal(b.Group, []string{metrics.Other, metrics.Other}) {
					named[fmt.Sprint(b.Group)] = true
				}
				continue
			}
			named[fmt.Sprint(b.Group)] = true
			if name := bucketOf(&s, b.Start, b.Type, b.Group); b.Count > full[name] {
				t.Fatalf("%s counts %d, the events %d", name, b.Count, full[name])
			}
		}
		if len(named) > s.Top {
			t.Fatalf("%d groups are named, want at most %d", len(named), s.Top)
		}
		sumsToTotals(t, &s, ledger, r)
	})
}

// sumsToTotals reports buckets whose groups do not sum to the total.
func sumsToTotals(t *rapid.T, s *series.Query, ledger metrics.Contribution, r series.Result) {
	totals := *s
	totals.GroupBy, totals.Top = nil, 0
	want := run(t, totals, ledger).Buckets
	got := map[string]int64{}
	for _, b := range r.Buckets {
		got[bucketOf(s, b.Start, b.Type, nil)] += b.Count
	}
	if d := cmp.Diff(counted(&totals, want), got); d != "" {
		t.Fatal(d)
	}
}

func TestGroupsFillAndCompare(t *testing.T) {
	at := time.Date(2025, 11, 8, 9, 0, 0, 0, time.UTC)
	event := func(days int, test string) metrics.Event {
		return metrics.Event{Type: "a", Time: at.AddDate(0, 0, days), Fields: []metrics.Field{{Name: "test_id", Value: test}}}
	}
	c := aggregateBy(t, []string{"test_id"}, event(0, "T1"), event(0, "T1"), event(1, "T2"), event(-1, "T1"), event(-2, "T3"))
	s := series.Query{
		From: metrics.DayOf(at), To: metrics.DayOf(at) + 1,
		GroupBy: []string{"test_id"}, Fill: true, Compare: series.PreviousPeriod,
	}
	r := run(t, s, c)
	var got []string
	for _, b := range r.Buckets {
		got = append(got, fmt.Sprint(b.Start.Format("02 "), b.Type, " ", b.Group[0], " ", b.Count, " ", b.Previous))
	}
	want := []string{"08 a T1 2 0", "08 a T2 0 0", "08 a T3 0 1", "09 a T1 0 1", "09 a T2 1 0", "09 a T3 0 0"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
