package series

import "time"

// Interval is the length of the periods of a [Query].
type Interval string

const (
	// Hour is an hour of local time. One that occurs twice is two periods.
	Hour Interval = "hour"
	// Day is a calendar day, which has 23 or 25 hours where clocks change.
	Day Interval = "day"
	// Week begins on Monday, as in ISO 8601.
	Week Interval = "week"
	// Month is a calendar month.
	Month Interval = "month"
	// All is one period for the whole range.
	All Interval = "all"
)

// start returns the first instant of the period that contains t, on the
// calendar of zone. It does not apply to All.
func (i Interval) start(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	year, month, day := t.Date()
	switch i {
	case Hour:
		start := t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second)
		_, was := start.Zone()
		if _, is := t.Zone(); was == is {
			return start
		}
		change, _ := t.ZoneBounds() // within the hour
		return change
	case Week:
		return midnight(year, month, day-(int(t.Weekday())+6)%7, zone)
	case Month:
		return midnight(year, month, 1, zone)
	}
	return midnight(year, month, day, zone)
}

// next returns the first instant of the period after the one that starts at
// start.
func (i Interval) next(start time.Time) time.Time {
	year, month, day := start.Date()
	switch i {
	case Hour:
		next := i.start(start.Add(time.Hour), start.Location())
		_, change := start.ZoneBounds()
		if _, is := start.Zone(); !change.IsZero() && change.After(start) && change.Before(next) {
			if _, will := change.Zone(); is != will { // a part of an hour begins
				return change
			}
		}
		return next
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

// firstShown returns the first instant whose local time in zone is that of want
// in UTC. If clocks skip it, that is the moment of the jump. time.Date alone
// promises neither.
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
	change, _ := t.ZoneBounds()
	if change.IsZero() {
		return t
	}
	_, was := change.Add(-1).Zone()
	_, is := t.Zone()
	earlier := t.Add(-time.Duration(was-is) * time.Second)
	if was > is && earlier.Before(change) && wallClock(earlier).Equal(want) { // clocks went back
		return earlier
	}
	return t
}

// wallClock returns the local time of t as if it were UTC.
func wallClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}
