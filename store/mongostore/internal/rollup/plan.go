package rollup

import (
	"context"
	"errors"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// Limits of a plan, unless it has only one step. Its days and types are in
// memory while it is carried out.
const (
	planSteps = 64
	planCells = 8192
)

// plan picks the next batches whose entry differs from the rollup, but none of
// those to skip.
func (ch *changes) plan(skip map[string]bool) []step {
	var plan []step
	cells := 0
	for _, id := range ch.batches {
		e := ch.entries[id]
		if e == nil || skip[id] || e.inRollup(ch.epoch) {
			continue
		}
		if e.Revision != e.foldedIn(ch.epoch) { // else only dates are read
			cells += e.Cells
		}
		if len(plan) > 0 && cells > planCells || len(plan) == planSteps {
			break
		}
		plan = append(plan, step{
			BatchID: id, From: e.foldedIn(ch.epoch), To: e.Revision, FromPurged: e.purgedIn(ch.epoch), ToPurged: e.Purged,
			WasFolded: e.Folded, WasEpoch: e.Epoch,
		})
	}
	return plan
}

// dayChange is what is added to one day and subtracted from it, and by how much
// the number of its batches with events changes. Resum means that something is
// subtracted, which may not be in memory.
type dayChange struct {
	add, subtract metrics.Contribution
	resum         bool
	unpurged      int
}

// onlyPurges reports whether the counts of the day stay.
func (c *dayChange) onlyPurges() bool { return len(c.add) == 0 && !c.resum }

// dayChanges are changes by day.
type dayChanges map[metrics.Day]*dayChange

// of returns the change of a day.
func (d dayChanges) of(day metrics.Day) *dayChange {
	if d[day] == nil {
		d[day] = &dayChange{}
	}
	return d[day]
}

// readablePlan plans what can be read whole, and returns the contributions that
// it adds, by batch. A batch whose shares are damaged stays in the journal, where
// it does not keep the others from being folded.
func (r *Rollup) readablePlan(ctx context.Context, ch *changes) ([]step, map[string]metrics.Contribution, error) {
	loaded, skip := map[string]metrics.Contribution{}, map[string]bool{}
	for {
		plan, damaged := ch.plan(skip), len(skip)
		for _, p := range plan {
			if _, known := loaded[p.BatchID]; known || p.To == "" || p.From == p.To {
				continue
			}
			c, err := r.ledger.whole(ctx, ch.entries[p.BatchID])
			if errors.Is(err, metrics.ErrCorrupt) {
				skip[p.BatchID] = true
				r.reportUnfolded(ctx, ch.entries[p.BatchID], err)
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			loaded[p.BatchID] = c
		}
		if len(skip) == damaged {
			return plan, loaded, nil
		}
	}
}

// reportUnfolded logs that a batch is not folded, unless its entry has changed
// since.
func (r *Rollup) reportUnfolded(ctx context.Context, e *entryDoc, err error) {
	if now, failed := r.ledger.entry(ctx, e.ID); failed != nil || now.Change == e.Change {
		r.log.ErrorContext(ctx, "contribution is damaged, not folded", "batch", e.ID, "err", err)
	}
}

// whole returns the contribution that an entry names. Errors: metrics.ErrCorrupt
// if some of it is missing, which it may also be because the entry has changed.
func (l *Ledger) whole(ctx context.Context, e *entryDoc) (metrics.Contribution, error) {
	c, n, err := l.shares.revision(ctx, e.ID, e.Revision)
	if errors.Is(err, errMoved) || err == nil && n != e.Shares {
		err = checksum.Corrupt("the ledger has %d of %d documents of batch %q", n, e.Shares, e.ID)
	}
	return c, err
}

// planned returns what the plan of a state changes in each day. It reads the
// contributions that are not loaded.
func (l *Ledger) planned(ctx context.Context, s *stateDoc, loaded map[string]metrics.Contribution) (dayChanges, error) {
	changes := dayChanges{}
	for _, p := range s.Plan {
		if err := l.planAdd(ctx, changes, p, loaded); err != nil {
			return nil, err
		}
		if err := l.planTake(ctx, changes, p); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// planTake notes what a step takes out. If it brings no other revision, the events
// of the batch were purged.
func (l *Ledger) planTake(ctx context.Context, changes dayChanges, p step) error {
	if p.From == "" {
		return nil
	}
	days, err := l.shares.days(ctx, eq("_id", shareRange(p.BatchID, p.From)))
	for _, day := range days {
		change := changes.of(day)
		change.unpurged -= one(!p.FromPurged)
		if p.From == p.To {
			change.unpurged += one(!p.ToPurged)
		} else {
			change.resum = true
		}
	}
	return err
}

func (l *Ledger) planAdd(ctx context.Context, changes dayChanges, p step, loaded map[string]metrics.Contribution) (err error) {
	if p.From == p.To {
		return nil
	}
	c, known := loaded[p.BatchID]
	if !known && p.To != "" {
		if c, err = l.plannedRevision(ctx, p); err != nil {
			return err
		}
	}
	for day, types := range c.Days() {
		change := changes.of(day)
		change.add = metrics.Merge(change.add, types)
		change.unpurged += one(!p.ToPurged)
	}
	return nil
}

// plannedRevision reads the revision that a step brings.
func (l *Ledger) plannedRevision(ctx context.Context, p step) (metrics.Contribution, error) {
	e, err := l.entry(ctx, p.BatchID)
	if err != nil {
		return nil, err
	}
	if e.Revision == p.To {
		return l.whole(ctx, e)
	}
	c, _, err := l.shares.revision(ctx, p.BatchID, p.To)
	return c, err
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}
