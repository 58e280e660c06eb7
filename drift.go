package eventmetrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Drift is a difference between a batch's events and the ledger.
type Drift struct {
	BatchID string
	// Ledger is the number of events that the ledger had, Events the number
	// that the batch has.
	Ledger, Events int64
	// Cause is the first in [DriftCauses] that a day and event type of the
	// batch has.
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

// DriftCauses returns the causes: missing_in_ledger and extra_in_ledger (a day
// and event type that only the events have, or only the ledger), and where
// both have it different_count, different_times (in other quarter hours), and
// subjects_only (the count and its times agree, the sketch of the subjects does
// not).
func DriftCauses() []DriftCause {
	return []DriftCause{missingInLedger, extraInLedger, differentCount, differentTimes, subjectsOnly}
}

const (
	missingInLedger DriftCause = "missing_in_ledger"
	extraInLedger   DriftCause = "extra_in_ledger"
	differentCount  DriftCause = "different_count"
	differentTimes  DriftCause = "different_times"
	subjectsOnly    DriftCause = "subjects_only"
)

const maxCells = 20

// compare returns the difference between what the ledger has for a batch and
// the sum of its events, or nil if there is none.
func compare(ctx context.Context, ledger store.Amender, id string, want metrics.Contribution) (*Drift, error) {
	have, err := ledger.Contribution(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("eventmetrics: read contribution of batch %s: %w", id, err)
	}
	if equal(have, want) { // a store may keep nothing of a contribution with nothing in it
		return nil, nil //nolint:nilnil // no difference is an answer here, not an error
	}
	return difference(id, have, want), nil
}

func difference(id string, ledger, events metrics.Contribution) *Drift {
	d := &Drift{BatchID: id, Ledger: ledger.Events(), Events: events.Events(), Cause: missingInLedger}
	gravest := len(DriftCauses())
	for l, e := range pairs(ledger, events) {
		cause := causeOf(l, e)
		if cause == "" {
			continue
		}
		if rank := slices.Index(DriftCauses(), cause); rank < gravest {
			gravest, d.Cause = rank, cause
		}
		if len(d.Cells) == maxCells {
			d.Truncated = true
			continue
		}
		c := CellDrift{Cause: cause}
		if l != nil {
			c.Day, c.Type, c.Ledger = l.Day, l.Type, l.Count
		}
		if e != nil {
			c.Day, c.Type, c.Events = e.Day, e.Type, e.Count
		}
		d.Cells = append(d.Cells, c)
	}
	return d
}

func causeOf(ledger, events *metrics.Daily) DriftCause {
	switch {
	case ledger == nil:
		return missingInLedger
	case events == nil:
		return extraInLedger
	case ledger.Count != events.Count:
		return differentCount
	case ledger.Slots != nil && events.Slots != nil && *ledger.Slots != *events.Slots:
		return differentTimes
	case !equal(metrics.Contribution{*ledger}, metrics.Contribution{*events}):
		return subjectsOnly
	}
	return ""
}

// pairs yields the Dailies of two contributions by day and event type, with nil
// for the one that has none.
func pairs(a, b metrics.Contribution) iter.Seq2[*metrics.Daily, *metrics.Daily] {
	return func(yield func(x, y *metrics.Daily) bool) {
		for len(a)+len(b) > 0 {
			var x, y *metrics.Daily
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
