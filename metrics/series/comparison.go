package series

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// ErrNoPrevious means that there is no earlier range to compare with: the
// range has no first or last day, or the earlier one would begin before the
// year 1.
var ErrNoPrevious = errors.New("series: comparing needs a range with a first and a last day")

// Comparison chooses the earlier range that a [Query] is compared with. Each
// of its days stands beside one day of the series, on whose bucket it counts
// as Previous; so a week, a month or all have beside them the days that stand
// beside their own, and no event of the earlier range is lost or counted
// twice. Within a day, an hour stands beside the hour that shows the same time
// on the clock: of two, the first, and of none, the one that follows.
type Comparison string

const (
	// PreviousPeriod is as many days right before the range. The first of them
	// stands beside the first, the second beside the second.
	PreviousPeriod Comparison = "previous_period"
	// PreviousYear is the same dates a year earlier, 28 February for a 29
	// February. A 29 February stands beside the 28th.
	PreviousYear Comparison = "previous_year"
)

// ParseComparison reads previous_period or previous_year; "" is none.
func ParseComparison(s string) (Comparison, error) {
	switch c := Comparison(s); c {
	case "", PreviousPeriod, PreviousYear:
		return c, nil
	}
	return "", fmt.Errorf("series: parse comparison %.40q: want previous_period or previous_year", s)
}

// Previous returns the series of the earlier range; of a series without
// Compare, or which Validate refuses, it means nothing.
func (s *Query) Previous() Query {
	p := *s
	p.Compare = ""
	switch s.Compare {
	case PreviousPeriod:
		p.From, p.To = s.From-s.days(), s.From-1
	case PreviousYear:
		p.From, p.To = addYear(s.From, -1), addYear(s.To, -1)
	}
	// Day 0 would mean no limit; nothing is as old as the day before it.
	if p.From == 0 {
		p.From = -1
	}
	if p.To == 0 {
		p.To = -1
	}
	return p
}

func (s *Query) days() metrics.Day { return s.To - s.From + 1 }

// beside returns the day of the series that a day of the earlier range stands
// beside.
func (s *Query) beside(day metrics.Day) metrics.Day {
	if s.Compare == PreviousPeriod {
		day += s.days()
	} else {
		day = addYear(day, 1)
	}
	return min(max(day, s.From), s.To)
}

// timeBeside returns the moment of the series that a moment of the earlier
// range stands beside.
func (s *Query) timeBeside(t time.Time) time.Time {
	clock := wallClock(t.In(s.zone()))
	day := metrics.DayOf(clock)
	return firstShown(s.beside(day).Time().Add(clock.Sub(day.Time())), s.zone())
}

// addYear returns the same date n years later, the 28th for a 29 February that
// is not there.
func addYear(day metrics.Day, n int) metrics.Day {
	year, month, date := day.Time().Date()
	t := time.Date(year+n, month, date, 0, 0, 0, 0, time.UTC)
	if t.Month() != month {
		t = t.AddDate(0, 0, -1)
	}
	return metrics.DayOf(t)
}

// firstDay is 0001-01-01, before which dates have no form.
const firstDay metrics.Day = -719162

func (s *Query) validateCompare() error {
	if s.Compare == "" {
		return nil
	}
	if s.From == 0 || s.To == 0 || s.Previous().From < firstDay {
		return ErrNoPrevious
	}
	return nil
}
