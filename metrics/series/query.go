package series

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Errors of [Query.Validate] and [Run].
var (
	// ErrNoUniques means that the query asks for distinct subjects by the hour
	// or in another zone than UTC, or of the part of a day that SoFar compares
	// with. They are known for whole UTC days only.
	ErrNoUniques = errors.New("series: uniques need an interval of a day or more in UTC, and whole days to compare with")
	// ErrNoGroupUniques means that the query asks for distinct subjects by
	// dimension. They are known for totals only.
	ErrNoGroupUniques = errors.New("series: uniques are not known by dimension")
	// ErrBadRange means that the range ends before it begins.
	ErrBadRange = errors.New("series: range ends before it begins")
	// ErrNoPrevious means that there is no earlier range to compare with: the
	// range has no first or last day, or the earlier one would begin before the
	// year 1.
	ErrNoPrevious = errors.New("series: comparing needs a range with a first and a last day")
	// ErrTooManyBuckets means that the result would have more than MaxBuckets.
	ErrTooManyBuckets = errors.New("series: too many buckets, ask for a shorter range or a longer interval")
)

const (
	// MaxBuckets is the greatest number of buckets of a [Result], counted
	// before Query.Top takes effect.
	MaxBuckets = 400_000
	// DefaultGroups is the greatest number of groups of a [Result] whose query
	// has no Top.
	DefaultGroups = 1000
)

// NoSubjectError means that the query asks for distinct subjects, and that no
// event of a day and type has one: the estimate would be 0 or too low. Where
// only some of them lack a subject, that is not known, and the others are
// estimated.
type NoSubjectError struct {
	// Day is the first such day, and Type its first such event type in byte
	// order.
	Day  metrics.Day
	Type string
}

// Error names the day and the event type.
func (e *NoSubjectError) Error() string {
	return fmt.Sprintf("series: uniques are not known: no event of type %.80q on %s has a subject", e.Type, e.Day)
}

// Query describes a time series: counts by interval on the calendar of a zone.
// The zero Query counts per UTC day and event type, over all time.
type Query struct {
	// Interval is the length of a period; "" means Day.
	Interval Interval
	// Zone is the time zone of the calendar; nil means UTC.
	Zone *time.Location
	// From and To are the first and last calendar day in Zone, both included;
	// zero means no limit. A week or month that starts before From or ends
	// after To has the events of the days inside the range.
	From, To metrics.Day
	// Types are the event types to count; none means all.
	Types []string
	// Total sums over the event types.
	Total bool
	// Uniques asks for the estimated number of distinct subjects. It is refused
	// with a NoSubjectError where a day has events of a type and no subject.
	Uniques bool
	// Fill adds a bucket with count 0 wherever there is none, between From and
	// To or, without them, between the first and last period that has events.
	// The added buckets are of Types or, without them, of each type that
	// occurs; with GroupBy, of each pair of type and group that occurs.
	Fill bool
	// Compare also counts an earlier range: see [Comparison]. It needs From and
	// To. A bucket exists if it has events in either range, and Fill fills for
	// the types of both.
	Compare Comparison
	// SoFar counts of the earlier range only what is aligned with the past: with
	// moments before the present, or before AsOf, rounded down to a quarter hour.
	// So the part of a range that is over is compared with the same part of the
	// earlier one. It needs Compare, and does not go with Uniques.
	SoFar bool
	// AsOf, if not zero, counts what was recorded at that moment or before it:
	// see [metrics.Filter].
	AsOf time.Time
	// Finality asks for the Finality of each bucket. That of the Result is
	// always known.
	Finality bool
	// GroupBy are the dimensions whose values form the groups.
	GroupBy []string
	// Where keeps the events that have one of the listed values, for each
	// dimension that is a key.
	Where map[string][]string
	// Top keeps the n event types with the greatest sums of Count, of equal
	// ones the first in byte order; 0 means all. With GroupBy it keeps n groups
	// instead, 0 means DefaultGroups, and the other groups are always added up
	// under [metrics.Other].
	Top int
	// Other adds up the event types that Top leaves out, under metrics.Other.
	// An event type that really has this name is then part of the sum, whatever
	// its count.
	Other bool
}

// Validate checks the query. Errors: ErrNoUniques, ErrNoGroupUniques,
// ErrBadRange, ErrNoPrevious, *UnalignedZoneError, and others for an Interval or
// a Comparison that is none of the constants.
func (q *Query) Validate() error {
	switch q.interval() {
	case Hour, Day, Week, Month, All:
	default:
		return fmt.Errorf("series: unknown interval %.40q, want hour, day, week, month or all", q.Interval)
	}
	switch q.Compare {
	case "":
		if q.SoFar {
			return errors.New("series: so far needs a comparison")
		}
	case PreviousPeriod, PreviousYear, PreviousMonth, SameWeekday:
	default:
		return fmt.Errorf("series: unknown comparison %.40q, want previous_period, previous_year, previous_month or same_weekday", q.Compare)
	}
	if q.Uniques && q.needGroups() {
		return ErrNoGroupUniques
	}
	if q.Uniques && q.needSlots() {
		return ErrNoUniques
	}
	if q.From != 0 && q.To != 0 && q.To < q.From {
		return ErrBadRange
	}
	if q.Compare != "" && (q.From == 0 || q.To == 0 || q.Previous().From < firstDay) {
		return ErrNoPrevious
	}
	if q.Compare != "" {
		previous := q.Previous()
		if err := previous.checkRange(); err != nil {
			return err
		}
	}
	return q.checkRange()
}

// filter returns what to ask the source for.
func (q *Query) filter() metrics.Filter {
	f := metrics.Filter{
		Types: q.Types, AsOf: q.AsOf,
		Subjects: q.Uniques, Slots: q.needSlots(), Groups: q.needGroups(),
	}
	from, until := q.bounds()
	if q.From != 0 {
		f.From = metrics.DayOf(from)
	}
	if q.To != 0 {
		f.To = metrics.DayOf(until.Add(-1))
	}
	return f
}

// needGroups reports whether totals alone cannot answer the query.
func (q *Query) needGroups() bool { return q.grouped() || len(q.Where) > 0 }

// needSlots reports whether counts of whole UTC days cannot answer the query.
func (q *Query) needSlots() bool {
	return q.interval() == Hour || q.zone() != time.UTC || q.SoFar
}

func (q *Query) grouped() bool { return len(q.GroupBy) > 0 }

func (q *Query) interval() Interval {
	if q.Interval == "" {
		return Day
	}
	return q.Interval
}

func (q *Query) zone() *time.Location {
	if q.Zone == nil || q.Zone.String() == "UTC" || q.Zone.String() == "Etc/UTC" {
		return time.UTC
	}
	return q.Zone
}

// bounds returns the first instant of the range and the first after it; zero
// times where there is no limit.
func (q *Query) bounds() (from, until time.Time) {
	if q.From != 0 {
		year, month, day := q.From.Time().Date()
		from = midnight(year, month, day, q.zone())
	}
	if q.To != 0 {
		year, month, day := q.To.Time().Date()
		until = midnight(year, month, day+1, q.zone())
	}
	return from, until
}
