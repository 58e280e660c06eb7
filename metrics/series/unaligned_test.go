package series_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
)

// oddZones had offsets or changes of clocks that are not on a quarter hour, or
// clocks that went back to the day before.
var oddZones = []string{"Africa/Monrovia", "America/St_Johns", "America/Moncton", "America/Goose_Bay", "Antarctica/Casey"}

func TestRangesThatQuarterHoursCannotTellApartAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name, zone, from, to string
		interval             series.Interval
		compare              series.Comparison
		event                string // in RFC 3339, if there is one
		want                 string // the day, or "" if the query is answered
	}{
		{name: "an offset of minutes and seconds", zone: "Africa/Monrovia", from: "1971-06-01", to: "1971-06-01", want: "1971-06-01"},
		{name: "by the hour", zone: "Africa/Monrovia", from: "1971-06-01", to: "1971-06-01", interval: series.Hour, want: "1971-06-01"},
		{name: "by the week", zone: "Africa/Monrovia", from: "1971-06-01", to: "1971-06-30", interval: series.Week, want: "1971-06-01"},
		{name: "by the month", zone: "Africa/Monrovia", from: "1971-06-01", to: "1971-06-30", interval: series.Month, want: "1971-06-01"},
		{name: "in one sum", zone: "Africa/Monrovia", from: "1971-06-01", to: "1971-06-30", interval: series.All, want: "1971-06-01"},
		{name: "the end of the range only", zone: "America/St_Johns", from: "1986-01-01", to: "1987-04-05", want: "1987-04-05"},
		{name: "the last such day", zone: "Africa/Monrovia", from: "1972-01-06", to: "1972-01-07", want: "1972-01-06"},
		{name: "the day of the change", zone: "Africa/Monrovia", from: "1972-01-07", to: "1972-01-09", want: "1972-01-07"},
		{name: "after the last such day", zone: "Africa/Monrovia", from: "1972-01-08", to: "2025-01-09"},
		{name: "the earlier range of a comparison", zone: "Africa/Monrovia", from: "1972-01-08", to: "1972-01-09", compare: series.PreviousPeriod, want: "1972-01-06"},
		{name: "a year earlier", zone: "Africa/Monrovia", from: "1972-06-01", to: "1972-06-01", compare: series.PreviousYear, want: "1971-06-01"},
		{name: "no first day", zone: "Africa/Monrovia", to: "1971-06-01", want: "1971-06-01"},
		{name: "no last day", zone: "Africa/Monrovia", from: "1971-06-01", want: "1971-06-01"},
		{name: "no first day, and events on such a day", zone: "Africa/Monrovia", to: "2025-01-01", event: "1971-06-01T00:44:15Z", want: "1971-05-31"},
		{name: "no last day, and events on such a day", zone: "America/St_Johns", from: "2010-01-01", event: "2010-11-07T12:00:00Z", want: "2010-11-07"},
		{name: "all time, and events on such a day", zone: "Africa/Monrovia", event: "1971-06-01T00:44:15Z", want: "1971-05-31"},
		{name: "all time, and events on other days", zone: "Africa/Monrovia", event: "1972-06-01T00:44:15Z"},
		{name: "all time, and no events", zone: "Africa/Monrovia"},
		{name: "a change at a minute past midnight", zone: "America/St_Johns", from: "2005-10-29", to: "2005-10-31", want: "2005-10-30"},
		{name: "the day that the clocks return to", zone: "America/St_Johns", from: "2005-10-29", to: "2005-10-29", want: "2005-10-29"},
		{name: "the day before it", zone: "America/St_Johns", from: "2005-10-28", to: "2005-10-28"},
		{name: "a change on the hour to the day before", zone: "Antarctica/Casey", from: "2010-03-05", to: "2010-03-05", want: "2010-03-05"},
		{name: "another change of that zone", zone: "Antarctica/Casey", from: "2018-03-10", to: "2018-03-12"},
		{name: "a change of nothing but the name", zone: "America/Sao_Paulo", from: "2038-01-01", to: "2038-02-01"},
		{name: "a range of thousands of years", zone: "Europe/Berlin", from: "0001-01-02", to: "9999-12-31"},
		{name: "years that had no zones", zone: "Europe/Amsterdam", from: "1800-01-01", to: "2025-01-01"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := series.Query{Zone: zone(t, tc.zone), Interval: tc.interval, Compare: tc.compare}
			if tc.from != "" {
				q.From = parseDay(t, tc.from)
			}
			if tc.to != "" {
				q.To = parseDay(t, tc.to)
			}
			var in []metrics.Event
			if tc.event != "" {
				at, err := time.Parse(time.RFC3339, tc.event)
				if err != nil {
					t.Fatal(err)
				}
				in = append(in, metrics.Event{Type: "x", Time: at})
			}
			_, err := series.Run(t.Context(), source(aggregate(t, in...)), q)
			unaligned, refused := errors.AsType[*series.UnalignedZoneError](err)
			if err != nil && !refused || refused != (tc.want != "") {
				t.Fatalf("got %v", err)
			}
			if refused && (unaligned.Day.String() != tc.want || unaligned.Zone != tc.zone) {
				t.Errorf("got %+v, want %s", unaligned, tc.want)
			}
		})
	}
}

func TestUnalignedZoneErrorSaysWhy(t *testing.T) {
	for name, want := range map[string]string{
		"Africa/Monrovia":  "series: days and hours of Africa/Monrovia cannot be counted exactly on 1971-01-01: its offset from UTC was -00:44:30, which is not a multiple of 15 minutes",
		"America/St_Johns": "series: days and hours of America/St_Johns cannot be counted exactly on 1987-04-05: its clocks were changed at 03:31:00 UTC, within a quarter hour or back to the day before",
	} {
		q := series.Query{Zone: zone(t, name), From: parseDay(t, "1971-01-01"), To: parseDay(t, "2011-12-31")}
		if err := q.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// nearChanges draws events around changes of the clocks of a zone.
func nearChanges(zone *time.Location) *rapid.Generator[[]metrics.Event] {
	var changes []int64
	for at := time.Unix(100_000, 0).In(zone); ; {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.Year() > 2039 {
			break
		}
		changes = append(changes, end.Unix())
		at = end
	}
	if len(changes) == 0 {
		changes = []int64{1762560000}
	}
	event := rapid.Custom(func(t *rapid.T) metrics.Event {
		sec := rapid.SampledFrom(changes).Draw(t, "change") + rapid.OneOf(
			rapid.Int64Range(-4000, 4000), rapid.Int64Range(-50*3600, 50*3600),
		).Draw(t, "seconds")
		return metrics.Event{Type: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "type"), Time: time.Unix(sec, 0).UTC()}
	})
	return rapid.SliceOfN(event, 1, 12)
}

// TestAnswersThatAreNotRefusedAreExact compares with a recount of the events.
func TestAnswersThatAreNotRefusedAreExact(t *testing.T) {
	all := slices.Concat(zones, oddZones, oddZones)
	rapid.Check(t, func(t *rapid.T) {
		loc := zone(t, rapid.SampledFrom(all).Draw(t, "zone"))
		in := nearChanges(loc).Draw(t, "events")
		q := series.Query{
			Zone: loc, Total: true,
			Interval: rapid.SampledFrom([]series.Interval{series.Hour, series.Day, series.Week, series.Month}).Draw(t, "interval"),
		}
		around := metrics.DayOf(rapid.SampledFrom(in).Draw(t, "around").Time)
		if rapid.Bool().Draw(t, "from") {
			q.From = around - metrics.Day(rapid.IntRange(0, 3).Draw(t, "before"))
		}
		if rapid.Bool().Draw(t, "to") {
			q.To = around + metrics.Day(rapid.IntRange(0, 3).Draw(t, "after"))
		}
		if q.From != 0 && q.To != 0 {
			q.Compare = rapid.SampledFrom([]series.Comparison{"", series.PreviousPeriod, series.PreviousYear}).Draw(t, "compare")
		}
		r, err := series.Run(context.Background(), source(aggregate(t, in...)), q)
		if _, refused := errors.AsType[*series.UnalignedZoneError](err); refused && slices.Contains(oddZones, loc.String()) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		want, wantPrevious := recount(in, &q)
		got := map[[2]string]int64{}
		for _, b := range r.Buckets {
			if b.Count > 0 {
				got[[2]string{dateOf(b.Start, q.Interval)}] += b.Count
			}
		}
		if d := gocmp.Diff(sorted(want), sorted(got)); d != "" {
			t.Fatal(d)
		}
		if r.PreviousCount != wantPrevious {
			t.Fatalf("got %d earlier events, want %d", r.PreviousCount, wantPrevious)
		}
	})
}

// recount counts events by their local dates, without the package.
func recount(in []metrics.Event, q *series.Query) (counts map[[2]string]int64, earlier int64) {
	within := func(date string, q *series.Query) bool {
		return (q.From == 0 || cmp.Compare(date, q.From.String()) >= 0) && (q.To == 0 || cmp.Compare(date, q.To.String()) <= 0)
	}
	counts = map[[2]string]int64{}
	previous := q.Previous()
	for _, e := range in {
		local := e.Time.In(q.Zone)
		if within(local.Format(time.DateOnly), q) {
			counts[[2]string{dateOf(local, q.Interval)}]++
		}
		if q.Compare != "" && within(local.Format(time.DateOnly), &previous) {
			earlier++
		}
	}
	return counts, earlier
}
