package series_test

import (
	"errors"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

func parseDay(t interface{ Fatal(...any) }, s string) metrics.Day {
	day, err := metrics.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return day
}

func TestPreviousRange(t *testing.T) {
	for _, tc := range []struct {
		name       string
		compare    series.Comparison
		from, to   string
		first, end string
	}{
		{"the day before", series.PreviousPeriod, "2025-11-08", "2025-11-08", "2025-11-07", "2025-11-07"},
		{"as many days before", series.PreviousPeriod, "2025-03-01", "2025-03-31", "2025-01-29", "2025-02-28"},
		{"the year before", series.PreviousYear, "2025-11-01", "2025-11-30", "2024-11-01", "2024-11-30"},
		{"up to 29 February", series.PreviousYear, "2024-02-01", "2024-02-29", "2023-02-01", "2023-02-28"},
		{"from 29 February", series.PreviousYear, "2024-02-29", "2024-03-01", "2023-02-28", "2023-03-01"},
		{"a year that had a 29 February", series.PreviousYear, "2025-02-01", "2025-02-28", "2024-02-01", "2024-02-28"},
		{"longer than a year", series.PreviousYear, "2024-01-01", "2025-12-31", "2023-01-01", "2024-12-31"},
		{"the month before, up to its end", series.PreviousMonth, "2025-11-01", "2025-11-30", "2025-10-01", "2025-10-31"},
		{"a part of a month", series.PreviousMonth, "2025-11-01", "2025-11-15", "2025-10-01", "2025-10-15"},
		{"before a shorter month", series.PreviousMonth, "2025-03-01", "2025-03-30", "2025-02-01", "2025-02-28"},
		{"the month before March", series.PreviousMonth, "2024-03-01", "2024-03-31", "2024-02-01", "2024-02-29"},
		{"the week before", series.SameWeekday, "2025-11-08", "2025-11-08", "2025-11-01", "2025-11-01"},
		{"as few weeks as possible", series.SameWeekday, "2025-11-01", "2025-11-08", "2025-10-18", "2025-10-25"},
		{"four weeks", series.SameWeekday, "2025-11-01", "2025-11-28", "2025-10-04", "2025-10-31"},
		{"not without limits", series.PreviousPeriod, "1970-01-03", "1970-01-04", "1970-01-01", "1970-01-02"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := series.Query{Compare: tc.compare, From: parseDay(t, tc.from), To: parseDay(t, tc.to)}
			before := s.Previous()
			if before.From == 0 || before.To == 0 {
				t.Fatal("the earlier range has no limit")
			}
			if tc.first == "1970-01-01" { // day 0 is no limit; the day before is as empty
				tc.first = "1969-12-31"
			}
			if d := gocmp.Diff([]string{tc.first, tc.end}, []string{before.From.String(), before.To.String()}); d != "" {
				t.Error(d)
			}
			if before.Compare != "" {
				t.Error("the earlier series compares")
			}
		})
	}
}

// alignedDate finds the date that a date of the earlier range is aligned with,
// without the package.
func alignedDate(date string, s *series.Query) string {
	t, _ := time.Parse(time.DateOnly, date)
	from, to := s.From.Time(), s.To.Time()
	switch {
	case s.Compare == series.PreviousPeriod:
		t = t.Add(to.Sub(from) + 24*time.Hour)
	case s.Compare == series.SameWeekday:
		t = t.Add((to.Sub(from) + 7*24*time.Hour).Truncate(7 * 24 * time.Hour))
	case s.Compare == series.PreviousMonth:
		last := time.Date(t.Year(), t.Month()+2, 0, 0, 0, 0, 0, time.UTC)
		t = t.AddDate(0, 0, 1-t.Day()).AddDate(0, 1, t.Day()-1)
		if t.After(last) {
			t = last
		}
	case date[5:] == "02-29":
		t = t.AddDate(1, 0, -1)
	default:
		t = t.AddDate(1, 0, 0)
	}
	if t.Before(from) {
		t = from
	}
	if t.After(to) {
		t = to
	}
	return t.Format(time.DateOnly)
}

// comparisons draws a range, and events in it and in the earlier one.
func comparisons(t *rapid.T, intervals ...series.Interval) (series.Query, []metrics.Event) {
	s := series.Query{
		Zone:     zone(t, rapid.SampledFrom(zones).Draw(t, "zone")),
		Interval: rapid.SampledFrom(intervals).Draw(t, "interval"),
		Total:    rapid.Bool().Draw(t, "total"),
		Fill:     rapid.Bool().Draw(t, "fill"),
		Compare:  rapid.SampledFrom([]series.Comparison{series.PreviousPeriod, series.PreviousYear, series.PreviousMonth, series.SameWeekday}).Draw(t, "compare"),
		From:     metrics.Day(rapid.IntRange(19700, 20200).Draw(t, "from")), // with 29 February 2024
	}
	s.To = s.From + metrics.Day(rapid.IntRange(0, 40).Draw(t, "days"))
	before := s.Previous()
	var in []metrics.Event
	for range rapid.IntRange(0, 60).Draw(t, "events") {
		part := rapid.SampledFrom([]series.Query{s, before}).Draw(t, "part")
		day := rapid.IntRange(int(part.From)-1, int(part.To)+1).Draw(t, "day")
		in = append(in, metrics.Event{
			Type: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "type"),
			Time: metrics.Day(day).Time().Add(time.Duration(rapid.IntRange(0, 86399).Draw(t, "second")) * time.Second),
		})
	}
	return s, in
}

func TestComparisonsEqualARecountInEveryZone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, in := comparisons(t, series.Day, series.Week, series.Month, series.All)
		before := s.Previous()
		type both struct{ Now, Before int64 }
		want, got := map[[2]string]both{}, map[[2]string]both{}
		add := func(m map[[2]string]both, date, eventType string, now, before int64) {
			noon, _ := time.Parse(time.DateOnly, date)
			if s.Total {
				eventType = ""
			}
			key := [2]string{dateOf(noon, s.Interval), eventType}
			sum := both{m[key].Now + now, m[key].Before + before}
			if m[key] = sum; sum == (both{}) { // filled
				delete(m, key)
			}
		}
		for _, e := range in {
			date := e.Time.In(s.Zone).Format(time.DateOnly)
			if date >= s.From.String() && date <= s.To.String() {
				add(want, date, e.Type, 1, 0)
			}
			if date >= before.From.String() && date <= before.To.String() {
				add(want, alignedDate(date, &s), e.Type, 0, 1)
			}
		}
		for _, b := range run(t, s, aggregate(t, in...)).Buckets {
			add(got, b.Start.Format(time.DateOnly), b.Type, b.Count, b.Previous)
		}
		if d := gocmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestComparisonsLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, in := comparisons(t, series.Hour, series.Day, series.Week, series.Month, series.All)
		c := aggregate(t, in...)
		plain, before := s, s.Previous()
		plain.Compare = ""
		sum := func(s series.Query) (n int64) {
			for _, b := range run(t, s, c).Buckets {
				n += b.Count
			}
			return n
		}
		var now, was int64
		starts := map[time.Time]bool{}
		for _, b := range run(t, s, c).Buckets {
			now += b.Count
			was += b.Previous
			starts[b.Start] = true
		}
		if d := gocmp.Diff([]int64{sum(plain), sum(before)}, []int64{now, was}); d != "" {
			t.Fatal(d)
		}
		// The range decides what buckets there are, not what is compared with it.
		if filled := run(t, plain, c).Buckets; s.Fill && len(filled) > 0 {
			for _, b := range filled {
				delete(starts, b.Start)
			}
			if len(starts) > 0 {
				t.Fatalf("buckets out of the range: %v", starts)
			}
		}
	})
}

func TestEarlierEventsCountInTheAlignedBucket(t *testing.T) {
	at := func(text string) metrics.Event {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return metrics.Event{Type: "a", Time: when}
	}
	type point struct {
		Start         string
		Count, Before int64
	}
	for _, tc := range []struct {
		name     string
		query    series.Query
		from, to string
		events   []string
		want     []point
	}{
		{
			"only in the earlier range",
			series.Query{Compare: series.PreviousPeriod},
			"2025-11-08", "2025-11-09",
			[]string{"2025-11-06T10:00:00Z"},
			[]point{{"2025-11-08T00:00:00Z", 0, 1}},
		},
		{
			"a week has what is aligned with its days",
			series.Query{Compare: series.PreviousPeriod, Interval: series.Week},
			"2025-11-05", "2025-11-14",
			[]string{"2025-10-26T00:00:00Z", "2025-10-30T00:00:00Z", "2025-10-31T00:00:00Z", "2025-11-05T00:00:00Z"},
			[]point{{"2025-11-03T00:00:00Z", 1, 2}, {"2025-11-10T00:00:00Z", 0, 1}},
		},
		{
			"29 February is aligned with the 28th",
			series.Query{Compare: series.PreviousYear},
			"2025-02-27", "2025-03-01",
			[]string{"2024-02-28T00:00:00Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
			[]point{{"2025-02-28T00:00:00Z", 0, 2}, {"2025-03-01T00:00:00Z", 0, 1}},
		},
		{
			"a 29 February alone is aligned with the 28th",
			series.Query{Compare: series.PreviousYear},
			"2024-02-29", "2024-02-29",
			[]string{"2023-02-28T00:00:00Z"},
			[]point{{"2024-02-29T00:00:00Z", 0, 1}},
		},
		{
			"in a range with its 28th nothing is aligned with it",
			series.Query{Compare: series.PreviousYear, Fill: true},
			"2024-02-28", "2024-02-29",
			[]string{"2023-02-28T00:00:00Z"},
			[]point{{"2024-02-28T00:00:00Z", 0, 1}, {"2024-02-29T00:00:00Z", 0, 0}},
		},
		{
			"hours are aligned by local time",
			series.Query{Compare: series.PreviousPeriod, Interval: series.Hour, Zone: zone(t, "Europe/Berlin")},
			"2025-03-31", "2025-03-31",
			[]string{"2025-03-30T00:30:00Z", "2025-03-30T01:30:00Z"}, // 01:30 and 03:30: the clock skips 2
			[]point{{"2025-03-31T01:00:00+02:00", 0, 1}, {"2025-03-31T03:00:00+02:00", 0, 1}},
		},
		{
			"an hour that the clock skips is aligned with the next",
			series.Query{Compare: series.PreviousPeriod, Interval: series.Hour, Zone: zone(t, "Europe/Berlin")},
			"2025-03-30", "2025-03-30",
			[]string{"2025-03-29T01:30:00Z", "2025-03-29T02:30:00Z"}, // 02:30 and 03:30
			[]point{{"2025-03-30T03:00:00+02:00", 0, 2}},
		},
		{
			"an hour is aligned with the first of two",
			series.Query{Compare: series.PreviousPeriod, Interval: series.Hour, Zone: zone(t, "Europe/Berlin")},
			"2025-10-26", "2025-10-26",
			[]string{"2025-10-25T00:30:00Z"},
			[]point{{"2025-10-26T02:00:00+02:00", 0, 1}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.query.From, tc.query.To = parseDay(t, tc.from), parseDay(t, tc.to)
			var in []metrics.Event
			for _, text := range tc.events {
				in = append(in, at(text))
			}
			var got []point
			for _, b := range run(t, tc.query, aggregate(t, in...)).Buckets {
				got = append(got, point{b.Start.Format(time.RFC3339), b.Count, b.Previous})
			}
			if d := gocmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestComparingNeedsARangeWithBothEnds(t *testing.T) {
	for name, s := range map[string]series.Query{
		"no range":                  {},
		"no last day":               {From: 20000},
		"no first day":              {To: 20000},
		"a range as old as the era": {From: parseDay(t, "0001-01-01"), To: 20000},
	} {
		s.Compare = series.PreviousPeriod
		if err := s.Validate(); !errors.Is(err, series.ErrNoPrevious) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateKnowsTheConstants(t *testing.T) {
	for _, q := range []series.Query{{Compare: "last_year", From: 1, To: 1}, {Interval: "weekly"}} {
		if err := q.Validate(); err == nil {
			t.Errorf("%+v is valid", q)
		}
	}
}

func TestComparisonsHaveUniquesOfBothRanges(t *testing.T) {
	day := parseDay(t, "2025-11-08")
	event := func(day metrics.Day, who string) metrics.Event {
		return metrics.Event{Type: "a", Time: day.Time(), Fields: []metrics.Field{{Name: "candidate_id", Value: who}}}
	}
	c := aggregate(t, event(day, "x"), event(day-1, "x"), event(day-1, "y"), event(day-1, "y"))
	s := series.Query{From: day, To: day, Compare: series.PreviousPeriod, Uniques: true}
	b := run(t, s, c).Buckets[0]
	if d := gocmp.Diff([]int64{1, 1, 3, 2}, []int64{b.Count, b.Uniques(), b.Previous, b.PreviousUniques()}); d != "" {
		t.Error(d)
	}
}

func TestAnUnfinishedRangeIsComparedWithTheSamePart(t *testing.T) {
	day := parseDay(t, "2025-11-08")
	at := func(day metrics.Day, hour, minute int) time.Time {
		return day.Time().Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	}
	var in []metrics.Event
	for _, d := range []metrics.Day{day - 7, day - 1, day} {
		for _, when := range []time.Time{at(d, 9, 0), at(d, 10, 29), at(d, 10, 30), at(d, 23, 0)} {
			in = append(in, metrics.Event{Type: "a", Time: when})
		}
	}
	c := aggregate(t, in...)
	for _, tc := range []struct {
		name    string
		compare series.Comparison
		now     time.Time
		want    int64
	}{
		{"with yesterday, to the quarter hour", series.PreviousPeriod, at(day, 10, 44), 2},
		{"from the next quarter hour on", series.PreviousPeriod, at(day, 10, 45), 3},
		{"with a week ago", series.SameWeekday, at(day, 10, 31), 2},
		{"before it begins", series.PreviousPeriod, at(day-1, 10, 44), 0},
		{"when it is over", series.PreviousPeriod, at(day+1, 0, 0), 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src := source(c)
			src.Now = func() time.Time { return tc.now }
			for _, interval := range []series.Interval{series.Hour, series.Day, series.All} {
				r, err := series.Run(t.Context(), src, series.Query{Interval: interval, From: day, To: day, Compare: tc.compare, SoFar: true})
				if err != nil || r.PreviousCount != tc.want || r.Count != 4 {
					t.Errorf("%s: %d beside %d, %v; want %d beside 4", interval, r.Count, r.PreviousCount, err, tc.want)
				}
			}
			src.Now = nil
			r, err := series.Run(t.Context(), src, series.Query{From: day, To: day, Compare: tc.compare, SoFar: true, AsOf: tc.now})
			if err != nil || r.PreviousCount != tc.want {
				t.Errorf("as of that moment: %d, %v; want %d", r.PreviousCount, err, tc.want)
			}
		})
	}
	for _, bad := range []series.Query{{SoFar: true}, {SoFar: true, Compare: series.PreviousPeriod, From: day, To: day, Uniques: true}} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v is allowed", bad)
		}
	}
}
