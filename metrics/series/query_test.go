package series_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

var zones = []string{
	"UTC", "Asia/Kathmandu", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe",
	"America/Sao_Paulo", "America/Havana", "Pacific/Apia", "America/St_Johns", "Asia/Kolkata",
	"Pacific/Chatham", "Africa/Casablanca", "Atlantic/Azores",
}

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// dateOf is the name of the bucket of an event, found without the package.
func dateOf(t time.Time, interval series.Interval) string {
	switch interval {
	case series.Hour:
		return t.Format("2006-01-02T15 -0700")
	case series.Week:
		year, month, day := t.Date()
		back := map[time.Weekday]int{time.Monday: 0, time.Tuesday: 1, time.Wednesday: 2, time.Thursday: 3, time.Friday: 4, time.Saturday: 5, time.Sunday: 6}[t.Weekday()]
		return time.Date(year, month, day-back, 12, 0, 0, 0, time.UTC).Format(time.DateOnly)
	case series.Month:
		return t.Format("2006-01")
	case series.All:
		return "all"
	}
	return t.Format(time.DateOnly)
}

type point struct {
	Name, Type string
	Count      int64
}

func sorted(counts map[[2]string]int64) []point {
	var out []point
	for k, n := range counts {
		out = append(out, point{k[0], k[1], n})
	}
	slices.SortFunc(out, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	return out
}

func TestBucketsEqualARecountInEveryZone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := events().Draw(t, "events")
		loc := zone(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		s := series.Query{
			Zone:     loc,
			Interval: rapid.SampledFrom([]series.Interval{series.Day, series.Week, series.Month, series.Hour, series.All}).Draw(t, "interval"),
			Total:    rapid.Bool().Draw(t, "total"),
		}
		if rapid.Bool().Draw(t, "ranged") {
			s.From = metrics.Day(rapid.IntRange(20395, 20402).Draw(t, "from"))
			s.To = s.From + metrics.Day(rapid.IntRange(0, 4).Draw(t, "days"))
		}
		want := map[[2]string]int64{}
		first := "" // day of all
		for _, e := range in {
			local := e.Time.In(loc)
			date := local.Format(time.DateOnly)
			if first == "" || date < first {
				first = date
			}
			if s.From != 0 && (date < s.From.String() || date > s.To.String()) {
				continue
			}
			eventType := e.Type
			if s.Total {
				eventType = ""
			}
			want[[2]string{dateOf(local, s.Interval), eventType}]++
		}
		buckets := run(t, s, aggregate(t, in...)).Buckets
		if s.From != 0 {
			first = s.From.String()
		}
		got := map[[2]string]int64{}
		for _, b := range buckets {
			if s.Interval == series.All && b.Start.Format(time.DateOnly) != first {
				t.Fatalf("the bucket of all starts at %s, want %s", b.Start, first)
			}
			got[[2]string{dateOf(b.Start, s.Interval), b.Type}] += b.Count
		}
		if d := gocmp.Diff(sorted(want), sorted(got)); d != "" {
			t.Fatal(d)
		}
	})
}

func TestHoursSumToDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := aggregate(t, events().Draw(t, "events")...)
		loc := zone(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		sum := func(interval series.Interval) map[string]int64 {
			s := series.Query{Interval: interval, Zone: loc}
			buckets := run(t, s, c).Buckets
			days := map[string]int64{}
			for _, b := range buckets {
				days[b.Start.Format(time.DateOnly)+b.Type] += b.Count
			}
			return days
		}
		if d := gocmp.Diff(sum(series.Day), sum(series.Hour)); d != "" {
			t.Fatal(d)
		}
	})
}

// quarterHours makes one event in each quarter hour of some UTC days.
func quarterHours(t *testing.T, first string, days int) metrics.Contribution {
	day, err := metrics.ParseDay(first)
	if err != nil {
		t.Fatal(err)
	}
	var in []metrics.Event
	for i := range days * metrics.SlotsPerDay {
		in = append(in, metrics.Event{Type: "x", Time: day.Time().Add(time.Duration(i) * 15 * time.Minute)})
	}
	return aggregate(t, in...)
}

func TestLengthOfUnusualDays(t *testing.T) {
	for _, tc := range []struct {
		name, zone, day string
		quarters        int64
		first           string
	}{
		{"a day in Kathmandu begins at 18:15 UTC", "Asia/Kathmandu", "2025-11-08", 96, "2025-11-07T18:15:00Z"},
		{"spring forward in New York has 23 hours", "America/New_York", "2025-03-09", 92, "2025-03-09T05:00:00Z"},
		{"fall back in New York has 25 hours", "America/New_York", "2025-11-02", 100, "2025-11-02T04:00:00Z"},
		{"Lord Howe jumps half an hour", "Australia/Lord_Howe", "2025-10-05", 94, "2025-10-04T13:30:00Z"},
		{"Lord Howe falls back half an hour", "Australia/Lord_Howe", "2025-04-06", 98, "2025-04-05T13:00:00Z"},
		{"Sao Paulo had a day without midnight", "America/Sao_Paulo", "2018-11-04", 92, "2018-11-04T03:00:00Z"},
		{"Havana has a day with two midnights", "America/Havana", "2025-11-02", 100, "2025-11-02T04:00:00Z"},
		{"the day after the one that Apia skipped", "Pacific/Apia", "2011-12-31", 96, "2011-12-30T10:00:00Z"},
		{"the day that Apia skipped", "Pacific/Apia", "2011-12-30", 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			day, _ := metrics.ParseDay(tc.day)
			c := quarterHours(t, (day - 2).String(), 5)
			s := series.Query{Zone: zone(t, tc.zone), From: day, To: day}
			buckets := run(t, s, c).Buckets
			if tc.quarters == 0 && len(buckets) == 0 {
				return
			}
			if len(buckets) != 1 {
				t.Fatalf("got %d buckets, want 1: %v", len(buckets), buckets)
			}
			got := point{buckets[0].Start.UTC().Format(time.RFC3339), buckets[0].Start.Format(time.DateOnly), buckets[0].Count}
			if d := gocmp.Diff(point{tc.first, tc.day, tc.quarters}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHoursOfTheDayThatIsTooLong(t *testing.T) {
	day, _ := metrics.ParseDay("2025-11-02")
	s := series.Query{Zone: zone(t, "America/New_York"), Interval: series.Hour, From: day, To: day}
	buckets := run(t, s, quarterHours(t, "2025-11-01", 3)).Buckets
	var ones []string
	for _, b := range buckets {
		if b.Count != 4 {
			t.Errorf("%s has %d quarter hours", b.Start, b.Count)
		}
		if b.Start.Hour() == 1 {
			ones = append(ones, b.Start.Format(time.RFC3339))
		}
	}
	if d := gocmp.Diff([]string{"2025-11-02T01:00:00-04:00", "2025-11-02T01:00:00-05:00"}, ones); d != "" {
		t.Error(d)
	}
	if len(buckets) != 25 {
		t.Errorf("got %d hours, want 25", len(buckets))
	}
}

func TestFillAddsWhatIsMissing(t *testing.T) {
	day, _ := metrics.ParseDay("2025-11-08")
	c := aggregate(t,
		metrics.Event{Type: "a", Time: day.Time()},
		metrics.Event{Type: "b", Time: (day + 2).Time()},
	)
	for _, tc := range []struct {
		name  string
		query series.Query
		want  []point
	}{
		{"between the first and the last", series.Query{Fill: true}, []point{
			{"2025-11-08", "a", 1},
			{"2025-11-08", "b", 0},
			{"2025-11-09", "a", 0},
			{"2025-11-09", "b", 0},
			{"2025-11-10", "a", 0},
			{"2025-11-10", "b", 1},
		}},
		{"in the range asked for", series.Query{Fill: true, Total: true, From: day - 1, To: day + 1}, []point{
			{"2025-11-07", "", 0},
			{"2025-11-08", "", 1},
			{"2025-11-09", "", 0},
		}},
		{"for the types asked for", series.Query{Fill: true, Types: []string{"a", "c"}, From: day, To: day}, []point{
			{"2025-11-08", "a", 1},
			{"2025-11-08", "c", 0},
		}},
		{"by week", series.Query{Fill: true, Total: true, Interval: series.Week, From: day, To: day + 9}, []point{
			{"2025-11-03", "", 1},
			{"2025-11-10", "", 1},
			{"2025-11-17", "", 0},
		}},
		{"not around the first and the last", series.Query{Fill: true, Total: true, Zone: zone(t, "Asia/Kathmandu")}, []point{
			{"2025-11-08", "", 1},
			{"2025-11-09", "", 0},
			{"2025-11-10", "", 1},
		}},
		{"across a change of clocks", series.Query{Fill: true, Total: true, Zone: zone(t, "America/New_York"), From: day - 7, To: day - 5}, []point{
			{"2025-11-01", "", 0},
			{"2025-11-02", "", 0},
			{"2025-11-03", "", 0},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			buckets := run(t, tc.query, c).Buckets
			var got []point
			for _, b := range buckets {
				got = append(got, point{b.Start.Format(time.DateOnly), b.Type, b.Count})
			}
			if d := gocmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestUniquesMergeAcrossDaysAndTypes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := events().Draw(t, "events")
		s := series.Query{Interval: rapid.SampledFrom([]series.Interval{series.Month, series.All}).Draw(t, "interval"), Uniques: true, Total: true}
		want := map[string]map[string]bool{}
		for _, e := range in {
			name := dateOf(e.Time, s.Interval)
			if want[name] == nil {
				want[name] = map[string]bool{}
			}
			want[name][e.Fields[0].Value] = true
		}
		buckets := run(t, s, aggregate(t, in...)).Buckets
		for _, b := range buckets {
			// Sets this small are estimated to the unit or nearly so.
			n := int64(len(want[dateOf(b.Start, s.Interval)]))
			if got := b.Uniques(); got < n-1 || got > n+1 {
				t.Fatalf("%s: %d uniques, want %d", b.Start, got, n)
			}
		}
	})
}

func TestRunRefusesImpossibleQueries(t *testing.T) {
	day, _ := metrics.ParseDay("2025-11-08")
	one := aggregate(t, metrics.Event{Type: "a", Time: day.Time()})
	for _, tc := range []struct {
		name  string
		query series.Query
		want  error
	}{
		{"uniques by hour", series.Query{Uniques: true, Interval: series.Hour}, series.ErrNoUniques},
		{"uniques in a zone", series.Query{Uniques: true, Zone: zone(t, "Asia/Kolkata")}, series.ErrNoUniques},
		{"a range that ends first", series.Query{From: 3, To: 2}, series.ErrBadRange},
		{"eight thousand years by the hour", series.Query{Fill: true, Interval: series.Hour, From: 1, To: 2_900_000}, series.ErrTooManyBuckets},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := series.Run(t.Context(), source(one), tc.query); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}
