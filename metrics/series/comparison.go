package series

import (
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Comparison chooses the earlier range that a [Query] compares with. Each day
// of the earlier range is aligned with one day of the range, and counts as
// Previous in the bucket of that day. A week, a month or all compare with the
// days that are aligned with their own, so no event of the earlier range is
// lost or counted twice. Within a day, an hour is aligned with the hour of the
// same local time: if the clock shows that twice, with the first, and if it
// skips that, with the next.
type Comparison string

const (
	// PreviousPeriod is as many days immediately before the range. The first of
	// them is aligned with the first, the second with the second.
	PreviousPeriod Comparison = "previous_period"
	// PreviousYear is the same dates a year earlier, 28 February for a 29
	// February. A 29 February is aligned with the 28th.
	PreviousYear Comparison = "previous_year"
)

// Previous returns the query of the earlier range. It is only meaningful if q
// has Compare and is valid.
func (q *Query) Previous() Query {
	p := *q
	p.Compare = ""
	switch q.Compare {
	case PreviousPeriod:
		p.From, p.To = q.From-q.days(), q.From-1
	case PreviousYear:
		p.From, p.To = addYears(q.From, -1), addYears(q.To, -1)
	}
	// Day 0 would mean no limit. No events are as old as the day before it.
	if p.From == 0 {
		p.From = -1
	}
	if p.To == 0 {
		p.To = -1
	}
	return p
}

func (q *Query) days() metrics.Day { return q.To - q.From + 1 }

// alignDay returns the day of the range that a day of the earlier range is
// aligned with.
func (q *Query) alignDay(day metrics.Day) metrics.Day {
	if q.Compare == PreviousPeriod {
		day += q.days()
	} else {
		day = addYears(day, 1)
	}
	return min(max(day, q.From), q.To)
}

// alignTime returns the moment of the range that a moment of the earlier range
// is aligned with.
func (q *Query) alignTime(at time.Time) time.Time {
	local := wallClock(at.In(q.zone()))
	day := metrics.DayOf(local)
	return firstShown(q.alignDay(day).Time().Add(local.Sub(day.Time())), q.zone())
}

// addYears returns the same date n years later, the 28th for a 29 February in
// a year without one.
func addYears(day metrics.Day, n int) metrics.Day {
	year, month, date := day.Time().Date()
	t := time.Date(year+n, month, date, 0, 0, 0, 0, time.UTC)
	if t.Month() != month {
		t = t.AddDate(0, 0, -1)
	}
	return metrics.DayOf(t)
}

// firstDay is 0001-01-01, the first date that has the usual form.
const firstDay metrics.Day = -719162
