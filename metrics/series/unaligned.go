package series

import (
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// UnalignedZoneError means that counts by quarter hour of UTC cannot tell the
// periods of a zone apart. The range has a day on which the offset of the zone
// from UTC was not a multiple of 15 minutes, or on which clocks were changed
// within a quarter hour or back to the day before. In a range with a first and a
// last day any such day counts, in others one that has events.
type UnalignedZoneError struct {
	// Zone is the name of the zone.
	Zone string
	// Offset is how far the clocks of the zone were ahead of UTC, before Change.
	Offset time.Duration
	// Day is the first such day, on the calendar of the zone.
	Day metrics.Day
	// Change is the moment of the change of clocks; zero if the offset is the
	// reason.
	Change time.Time
}

// Error names the zone, the day and the reason.
func (e *UnalignedZoneError) Error() string {
	const want = "series: days and hours of %s cannot be counted exactly on %s: "
	if !e.Change.IsZero() {
		return fmt.Sprintf(want+"its clocks were changed at %s UTC, within a quarter hour or back to the day before",
			e.Zone, e.Day, e.Change.UTC().Format("15:04:05"))
	}
	return fmt.Sprintf(want+"its offset from UTC was %s, which is not a multiple of 15 minutes", e.Zone, e.Day, clockText(e.Offset))
}

// clockText returns an offset in the form -00:44:30.
func clockText(offset time.Duration) string {
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	sec := int(offset / time.Second)
	return fmt.Sprintf("%c%02d:%02d:%02d", sign, sec/3600, sec/60%60, sec%60)
}

// stretch is a time in which the offset of a zone is constant. Without a change
// of clocks before or after it, start or end is zero.
type stretch struct {
	start, end time.Time
	offset     time.Duration
}

func stretchAt(at time.Time, zone *time.Location) stretch {
	at = at.In(zone)
	_, sec := at.Zone()
	s := stretch{offset: time.Duration(sec) * time.Second}
	s.start, s.end = at.ZoneBounds()
	if !s.end.IsZero() && !s.end.After(at) { // package time has one such end, on the last day of leap years
		s.end = at.Add(24 * time.Hour)
	}
	return s
}

// isSteady reports whether the stretch is aligned and has no change of clocks
// within a day of the moments from one to another.
func (s *stretch) isSteady(from, to time.Time) bool {
	const margin = 24 * time.Hour
	return s.offset%slotWidth == 0 &&
		!from.Add(-margin).Before(s.start) && (s.end.IsZero() || to.Add(margin).Before(s.end))
}

// checkRange returns an UnalignedZoneError for a range that is not exact. Of a
// range without a first or a last day it checks the other end.
func (q *Query) checkRange() error {
	if !q.needSlots() {
		return nil
	}
	from, until := q.bounds()
	switch {
	case q.From != 0 && q.To != 0:
		return checkZone(q.zone(), from, until)
	case q.From != 0:
		return checkZone(q.zone(), from, from.Add(1))
	case q.To != 0:
		return checkZone(q.zone(), until.Add(-1), until)
	}
	return nil
}

// checkZone returns an UnalignedZoneError for the first unaligned moment from
// one moment until another. No events are as old as 1970.
func checkZone(zone *time.Location, from, until time.Time) error {
	from = later(from, time.Unix(0, 0))
	if zone == time.UTC || !from.Before(until) {
		return nil
	}
	s := stretchAt(from, zone)
	if !s.start.IsZero() {
		before := stretchAt(s.start.Add(-1), zone)
		if err := checkChange(zone, &before, &s, from, until); err != nil {
			return err
		}
	}
	for at := from; at.Before(until); {
		if s.offset%slotWidth != 0 {
			return &UnalignedZoneError{zone.String(), s.offset, s.dayAt(at), time.Time{}}
		}
		if s.end.IsZero() {
			return nil
		}
		after := stretchAt(s.end, zone)
		if err := checkChange(zone, &s, &after, from, until); err != nil {
			return err
		}
		at, s = s.end, after
	}
	return nil
}

// checkChange checks the change of clocks between two stretches. The quarter
// hour of the change is unaligned. Where clocks go back to the day before, all
// from the first midnight to the second is, and so is a range that ends with the
// first or begins with the second, because a part of its days is beyond.
func checkChange(zone *time.Location, before, after *stretch, from, until time.Time) error {
	change := before.end
	first, last := change.Truncate(slotWidth), change.Truncate(slotWidth).Add(slotWidth)
	day := before.dayAt(change.Add(-1))
	switch {
	case after.offset == before.offset: // only the name of the time has changed
		return nil
	case after.dayAt(change) < day:
		first, last = day.Time().Add(-before.offset), day.Time().Add(-after.offset)
		if first.After(until) || last.Before(from) {
			return nil
		}
	case first.Equal(change) || !first.Before(until) || !from.Before(last):
		return nil
	}
	at := later(first, from)
	if !at.Before(until) {
		at = until.Add(-1)
	}
	in := before
	if !at.Before(change) {
		in = after
	}
	return &UnalignedZoneError{zone.String(), before.offset, in.dayAt(at), change}
}

// dayAt returns the calendar day of a moment in the stretch.
func (s *stretch) dayAt(at time.Time) metrics.Day { return metrics.DayOf(at.UTC().Add(s.offset)) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
