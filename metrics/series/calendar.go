package series

import (
	"fmt"
	"time"
)

// Interval is the width of a bucket of a [Query].
type Interval string

// The intervals. Weeks begin on Monday, as in ISO 8601. All is one bucket for
// the whole range.
const (
	Hour  Interval = "hour"
	Day   Interval = "day"
	Week  Interval = "week"
	Month Interval = "month"
	All   Interval = "all"
)

// ParseInterval reads hour, day, week, month or all; "" is day.
func ParseInterval(s string) (Interval, error) {
	switch i := Interval(s); i {
	case "":
		return Day, nil
	case Hour, Day, Week, Month, All:
		return i, nil
	}
	return "", fmt.Errorf("series: parse interval %.40q: want hour, day, week, month or all", s)
}

// start returns the first instant of the bucket that t is in, on the calendar
// of zone. For All that is for the grouper to know.
func (i Interval) start(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	year, month, day := t.Date()
	switch i {
	case Hour:
		start := t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second)
		if change, _ := t.ZoneBounds(); start.Before(change) { // clocks were changed within the hour
			return change
		}
		return start
	case Week:
		return midnight(year, month, day-(int(t.Weekday())+6)%7, zone)
	case Month:
		return midnight(year, month, 1, zone)
	}
	return midnight(year, month, day, zone)
}

// next returns the first instant of the bucket behind the one that starts at
// start.
func (i Interval) next(start time.Time) time.Time {
	year, month, day := start.Date()
	switch i {
	case Hour:
		return i.start(start.Add(time.Hour), start.Location())
	case Week:
		return midnight(year, month, day+7, start.Location())
	case Month:
		return midnight(year, month+1, 1, start.Location())
	case All:
		return midnight(year+10_000, month, day, start.Location())
	}
	return midnight(year, month, day+1, start.Location())
}

// midnight returns the first instant of a calendar day.
func midnight(year int, month time.Month, day int, zone *time.Location) time.Time {
	return firstShown(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), zone)
}

// firstShown returns the first instant at which the clock on the wall of zone
// shows what want does in UTC. Where the clock skips that, it is the moment of
// the jump; time.Date alone promises neither.
func firstShown(want time.Time, zone *time.Location) time.Time {
	if zone == time.UTC {
		return want
	}
	year, month, day := want.Date()
	t := time.Date(year, month, day, want.Hour(), want.Minute(), want.Second(), 0, zone)
	got := wallClock(t)
	if got.Before(want) {
		_, jump := t.ZoneBounds()
		return jump
	}
	if got.After(want) {
		jump, _ := t.ZoneBounds()
		return jump
	}
	for _, shift := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
		if earlier := t.Add(-shift); wallClock(earlier).Equal(want) {
			return earlier
		}
	}
	return t
}

// wallClock returns what the clock on the wall shows at t, as if it were UTC.
func wallClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}
