package metrics

import (
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
)

const (
	secondsPerDay  = 24 * 60 * 60
	secondsPerSlot = 15 * 60

	// SlotsPerDay is the number of quarter hours of a UTC day.
	SlotsPerDay = secondsPerDay / secondsPerSlot
)

// Day is a UTC calendar day, counted from 1970-01-01, which is day 0.
type Day int32

// DayOf returns the UTC day of t.
func DayOf(t time.Time) Day {
	day, _ := dayAndSlot(t)
	return day
}

// ParseDay reads a day in the form 2006-01-02. A day that is not on the
// calendar, such as 2025-02-30, is an error.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("metrics: parse day %q: want the form 2006-01-02", clip.Text(s, 40))
	}
	return DayOf(t), nil
}

// Time returns the first instant of the day, in UTC.
func (d Day) Time() time.Time {
	return time.Unix(int64(d)*secondsPerDay, 0).UTC()
}

// String returns the day in the form 2006-01-02.
func (d Day) String() string {
	return d.Time().Format(time.DateOnly)
}

// MarshalText returns the form of [Day.String].
func (d Day) MarshalText() ([]byte, error) {
	return d.Time().AppendFormat(nil, time.DateOnly), nil
}

// UnmarshalText reads the form of [Day.String], as [ParseDay] does.
func (d *Day) UnmarshalText(text []byte) error {
	day, err := ParseDay(string(text))
	if err != nil {
		return err
	}
	*d = day
	return nil
}

// dayAndSlot splits an instant into its UTC day and quarter hour.
func dayAndSlot(t time.Time) (Day, int) {
	sec := t.Unix()
	day := sec / secondsPerDay
	rest := sec % secondsPerDay
	if rest < 0 { // before 1970: round down, not towards zero
		day--
		rest += secondsPerDay
	}
	return Day(day), int(rest / secondsPerSlot)
}
