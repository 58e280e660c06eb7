package rollup

import (
	"context"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Limits of a plan, unless it has only one step. Its days and types are in
// memory while it is carried out.
const (
	planSteps = 64
	planCells = 8192
)

// plan picks the next batches whose entry differs from the rollup.
func (ch *changes) plan() []step {
	var plan []step
	cells := 0
	for _, id := range ch.batches {
		e := ch.entries[id]
		if e == nil || e.Revision == e.foldedIn(ch.epoch) {
			continue
		}
		if cells += e.Cells; len(plan) > 0 && cells > planCells || len(plan) == planSteps {
			break
		}
		plan = append(plan, step{BatchID: id, From: e.foldedIn(ch.epoch), To: e.Revision, WasFolded: e.Folded, WasEpoch: e.Epoch})
	}
	return plan
}

// dayChange is what is added to one day and subtracted from it.
type dayChange struct {
	add, subtract metrics.Contribution
}

// dayChanges are changes by day.
type dayChanges map[metrics.Day]*dayChange

// of returns the change of a day.
func (d dayChanges) of(day metrics.Day) *dayChange {
	if d[day] == nil {
		d[day] = &dayChange{}
	}
	return d[day]
}

// planned reads what the plan of a state changes in each day.
func (l *Ledger) planned(ctx context.Context, s *stateDoc) (dayChanges, error) {
	changes := dayChanges{}
	for _, p := range s.Plan {
		for _, revision := range []string{p.To, p.From} {
			if revision == "" {
				continue
			}
			c, _, err := l.shares.revision(ctx, p.BatchID, revision)
			if err != nil {
				return nil, err
			}
			for day, types := range c.Days() {
				if d := changes.of(day); revision == p.To {
					d.add = metrics.Merge(d.add, types)
				} else {
					d.subtract = metrics.Merge(d.subtract, types)
				}
			}
		}
	}
	return changes, nil
}
