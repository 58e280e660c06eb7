package ledger

import (
	"bytes"
	"iter"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Drift is a difference between a batch's events and the ledger.
type Drift struct {
	BatchID string
	// Ledger is the number of events in the ledger, Events the number of events
	// of the batch.
	Ledger, Events int64
	// Cause is the first of [DriftCauses] that applies to any of its cells.
	Cause DriftCause
	// Cells are the first 20 days and event types that differ. Truncated means
	// that there are more.
	Cells     []CellDrift
	Truncated bool
}

// CellDrift is a difference in one day and event type of a batch.
type CellDrift struct {
	Day            metrics.Day
	Type           string
	Ledger, Events int64
	Cause          DriftCause
}

// DriftCause says in what the ledger and the events differ.
type DriftCause string

// DriftCauses returns the causes, the gravest first:
//
//	missing_in_ledger  only the events have this day and event type
//	extra_in_ledger    only the ledger has it
//	different_count    the counts differ
//	different_times    the counts of quarter hours differ
//	subjects_only      only the sketches of subjects differ
//	different_groups   only the breakdown by the same dimensions differs
//
// A batch that lacks the breakdown by the configured dimensions has no drift:
// see Report.Filled.
func DriftCauses() []DriftCause {
	return []DriftCause{missingInLedger, extraInLedger, differentCount, differentTimes, subjectsOnly, differentGroups}
}

const (
	missingInLedger DriftCause = "missing_in_ledger"
	extraInLedger   DriftCause = "extra_in_ledger"
	differentCount  DriftCause = "different_count"
	differentTimes  DriftCause = "different_times"
	subjectsOnly    DriftCause = "subjects_only"
	differentGroups DriftCause = "different_groups"
)

const maxCells = 20

// comparison is the result of comparing a contribution with the sum of events.
type comparison struct {
	drift   *Drift // nil if there is none
	missing bool   // it lacks the breakdown by dimensions
}

// differs reports whether the ledger must be corrected.
func (c comparison) differs() bool { return c.drift != nil || c.missing }

// compare compares the contribution of a batch in the ledger with the sum of its
// events.
func compare(id string, x *examined) comparison {
	have, want := x.have, x.want
	missing := x.recorded && len(want.Dimensions()) > 0 && !sameDimensions(have, want)
	if missing {
		have, want = have.Totals(), want.Totals()
	}
	if x.recorded && equal(have, want) {
		return comparison{missing: missing}
	}
	return comparison{difference(id, have, want), missing}
}

// sameDimensions reports whether two contributions are broken down by the same
// dimensions.
func sameDimensions(a, b metrics.Contribution) bool {
	return slices.Equal(a.Dimensions(), b.Dimensions())
}

func difference(id string, ledger, events metrics.Contribution) *Drift {
	d := &Drift{BatchID: id, Ledger: ledger.Events(), Events: events.Events(), Cause: missingInLedger}
	gravest := len(DriftCauses())
	groups := differentCells(ledger.Groups(), events.Groups())
	for l, e := range pairs(ledger.Totals(), events.Totals()) {
		c := CellDrift{Cause: causeOf(l, e)}
		if l != nil {
			c.Day, c.Type, c.Ledger = l.Day, l.Type, l.Count
		}
		if e != nil {
			c.Day, c.Type, c.Events = e.Day, e.Type, e.Count
		}
		if c.Cause == "" && groups[cellKey{c.Day, c.Type}] {
			c.Cause = differentGroups
		}
		if c.Cause == "" {
			continue
		}
		if rank := slices.Index(DriftCauses(), c.Cause); rank < gravest {
			gravest, d.Cause = rank, c.Cause
		}
		if len(d.Cells) == maxCells {
			d.Truncated = true
			continue
		}
		d.Cells = append(d.Cells, c)
	}
	return d
}

// cellKey is a day and event type.
type cellKey struct {
	day       metrics.Day
	eventType string
}

// differentCells returns the days and event types whose groups differ.
func differentCells(ledger, events metrics.Contribution) map[cellKey]bool {
	cells := map[cellKey]bool{}
	for l, e := range pairs(ledger, events) {
		if causeOf(l, e) == "" {
			continue
		}
		if l == nil {
			l = e
		}
		cells[cellKey{l.Day, l.Type}] = true
	}
	return cells
}

func causeOf(ledger, events *metrics.DayCount) DriftCause {
	switch {
	case ledger == nil:
		return missingInLedger
	case events == nil:
		return extraInLedger
	case ledger.Count != events.Count:
		return differentCount
	case !ledger.Slots.Equal(events.Slots):
		return differentTimes
	case !equal(metrics.Contribution{*ledger}, metrics.Contribution{*events}):
		return subjectsOnly
	}
	return ""
}

// pairs yields the DayCounts of two contributions side by side, in their order,
// with nil where one has none.
func pairs(a, b metrics.Contribution) iter.Seq2[*metrics.DayCount, *metrics.DayCount] {
	return func(yield func(x, y *metrics.DayCount) bool) {
		for len(a)+len(b) > 0 {
			var x, y *metrics.DayCount
			order := len(b) - len(a) // whichever is left
			if len(a) > 0 && len(b) > 0 {
				order = a[0].Compare(&b[0])
			}
			if order <= 0 {
				x, a = &a[0], a[1:]
			}
			if order >= 0 {
				y, b = &b[0], b[1:]
			}
			if !yield(x, y) {
				return
			}
		}
	}
}

// equal compares encodings, which are equal for equal contributions.
func equal(a, b metrics.Contribution) bool {
	x, errX := a.AppendBinary(nil)
	y, errY := b.AppendBinary(nil)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
