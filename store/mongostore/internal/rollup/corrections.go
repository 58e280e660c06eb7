package rollup

import (
	"context"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// corrections returns what the days of the rollup lack, and what they must not
// have any more.
func (v *view) corrections(ctx context.Context) (dayChanges, error) {
	differing, revisions := v.differing()
	if len(revisions) == 0 {
		return nil, nil
	}
	generation := map[string]int64{}
	for i := range v.days {
		generation[v.days[i].Date] = v.days[i].Generation
	}
	changes := dayChanges{}
	q := v.q
	correct := func(share *shareDoc, c metrics.Contribution) {
		c = slices.DeleteFunc(c, func(d metrics.DayCount) bool { return !q.Match(d.Day, d.Type) })
		if len(c) == 0 {
			return
		}
		planned := generation[share.Date] == v.state.Generation
		switch add, subtract := differing[share.BatchID].correct(planned, share.Revision); {
		case add:
			change := changes.of(c[0].Day)
			change.add = metrics.Merge(change.add, c)
		case subtract:
			change := changes.of(c[0].Day)
			change.subtract = metrics.Merge(change.subtract, c)
		}
	}
	for some := range slices.Chunk(revisions, command.MaxKeys) {
		if err := v.r.ledger.shares.each(ctx, v.sharesOf(some), q, correct); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// sharesOf selects the shares of revisions in the days that the view is about.
func (v *view) sharesOf(revisions []string) bson.D {
	return append(dates(v.q.From, v.q.To), eq("revision", eq("$in", revisions))...)
}

// checkEntries returns errMoved if an entry has changed about which the ledger
// and the rollup differed. The shares of a revision that never came into the
// rollup are deleted without a move of the rollup.
func (v *view) checkEntries(ctx context.Context) error {
	differing, _ := v.differing()
	if len(differing) == 0 {
		return nil
	}
	now, err := v.r.ledger.entries(ctx, slices.Collect(maps.Keys(differing)))
	if err != nil {
		return err
	}
	for id := range differing {
		if e := now[id]; e == nil || e.Change != v.changes.entries[id].Change {
			return errMoved
		}
	}
	return nil
}

// difference is that between the ledger and the rollup about one batch. Before
// is the revision in the days that the plan has not changed yet, after the one
// in those that it has. One that is empty is none.
type difference struct {
	before, after, ledger string
}

// correct reports whether the share of a revision must be added to its day, or
// subtracted from it. Planned says that the plan has changed the day.
func (d *difference) correct(planned bool, revision string) (add, subtract bool) {
	has := d.before
	if planned {
		has = d.after
	}
	if has == d.ledger {
		return false, false
	}
	return revision == d.ledger, revision == has
}

// differing returns the batches about which the ledger and the rollup differ,
// and all their revisions.
func (v *view) differing() (map[string]*difference, []string) {
	all := map[string]*difference{}
	for _, id := range v.changes.batches {
		if e := v.changes.entries[id]; e != nil {
			folded := e.foldedIn(v.state.Epoch)
			all[id] = &difference{before: folded, after: folded, ledger: e.Revision}
		}
	}
	for _, p := range v.state.Plan {
		if d := all[p.BatchID]; d != nil {
			d.before, d.after = p.From, p.To
		}
	}
	revisions := map[string]bool{}
	for id, d := range all {
		if d.before == d.ledger && d.after == d.ledger {
			delete(all, id)
			continue
		}
		revisions[d.before], revisions[d.after], revisions[d.ledger] = true, true, true
	}
	delete(revisions, "")
	return all, slices.Sorted(maps.Keys(revisions))
}
