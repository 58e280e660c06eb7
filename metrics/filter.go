package metrics

import (
	"slices"
	"time"
)

// Filter selects daily metrics. The zero Filter selects the counts of all days
// and event types.
type Filter struct {
	// From and To are the first and last UTC day, both included. Zero means
	// no limit on that side: day 0 is 1970-01-01, before any event that ingest
	// accepts.
	From, To Day
	// Types are the event types to keep; none means all.
	Types []string
	// Slots asks for counts by quarter hour.
	Slots bool
	// Subjects asks for the sketches of distinct subjects.
	Subjects bool
	// Groups asks for groups in addition to totals.
	Groups bool
	// AsOf, if not zero, keeps the contributions that were recorded at that
	// moment, to the millisecond, or before it, as they are now. Each process
	// records with its own clock.
	AsOf time.Time
	// Ledger asks for the same answer, computed now from the contributions
	// themselves and from no sums that a store keeps of them. It is for checks,
	// and takes longer the more contributions there are.
	Ledger bool
}

// Select reports whether the filter selects d.
func (q *Filter) Select(d *DayCount) bool {
	return (q.Groups || d.Group == "") && q.Match(d.Day, d.Type)
}

// Match reports whether the filter selects a day and an event type.
func (q *Filter) Match(day Day, eventType string) bool {
	return q.MatchDay(day) && q.MatchType(eventType)
}

// MatchDay reports whether the filter selects a day.
func (q *Filter) MatchDay(day Day) bool {
	return (q.From == 0 || day >= q.From) && (q.To == 0 || day <= q.To)
}

// MatchType reports whether the filter selects an event type.
func (q *Filter) MatchType(eventType string) bool {
	return len(q.Types) == 0 || slices.Contains(q.Types, eventType)
}

// MatchRecorded reports whether the filter selects what was recorded at a
// moment.
func (q *Filter) MatchRecorded(at time.Time) bool {
	return q.AsOf.IsZero() || at.UnixMilli() <= q.AsOf.UnixMilli()
}

// Trim drops the parts of d that the filter does not ask for.
func (q *Filter) Trim(d *DayCount) {
	if !q.Slots {
		d.Slots = nil
	}
	if !q.Subjects {
		d.Subjects = nil
	}
}
