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
	// PreviousMonth is the same dates a month earlier, the last day of that
	// month for a date that it lacks. A range that ends with a month is compared
	// with one that does so too; days that the later month lacks are aligned
	// with its last day.
	PreviousMonth Comparison = "previous_month"
	// SameWeekday is as many days as the range has, as few whole weeks earlier
	// as the ranges do not overlap: each day is compared with the same weekday.
	SameWeekday Comparison = "same_weekday"
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
		p.From, p.To = addMonths(q.From, -12), addMonths(q.To, -12)
	case PreviousMonth:
		p.From, p.To = addMonths(q.From, -1), addMonths(q.To, -1)
		if (q.To + 1).Time().Day() == 1 {
			p.To = metrics.DayOf(q.To.Time().AddDate(0, 0, -q.To.Time().Day()))
		}
	case SameWeekday:
		p.From, p.To = q.From-q.weeks(), q.To-q.weeks()
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

// weeks returns the days of as many weeks as the range touches.
func (q *Query) weeks() metrics.Day { return (q.days() + 6) / 7 * 7 }

// alignDay returns the day of the range that a day of the earlier range is
// aligned with.
func (q *Query) alignDay(day metrics.Day) metrics.Day {
	switch q.Compare {
	case PreviousPeriod:
		day += q.days()
	case PreviousYear:
		day = addMonths(day, 12)
	case PreviousMonth:
		day = addMonths(day, 1)
	case SameWeekday:
		day += q.weeks()
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

// addMonths returns the same date n months later, or the last day of a month
// that lacks it.
func addMonths(day metrics.Day, n int) metrics.Day {
	year, month, date := day.Time().Date()
	t := time.Date(year, month+time.Month(n), date, 0, 0, 0, 0, time.UTC)
	if t.Day() != date {
		t = t.AddDate(0, 0, -t.Day())
	}
	return metrics.DayOf(t)
}

// firstDay is 0001-01-01, the first date that has the usual form.
const firstDay metrics.Day = -719162
