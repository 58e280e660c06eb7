package mongostore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// readTries is how often an answer is begun again because the rollup moved on
// while it was read; each move is tens of milliseconds of work to somebody.
const readTries = 100

// daysAtATime is the number of days that are read into memory at once.
func daysAtATime(q *metrics.Filter) int64 {
	switch {
	case q.Groups:
		return 20
	case q.Subjects:
		return 50
	case q.Slots:
		return 400
	}
	return 4000
}

// DayCount implements [store.Store]. An answer of many days is of one state for
// as many of them as are read at once: 4,000 of counts, 400 of quarter hours,
// 50 of subjects, 20 of groups.
func (s *Store) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return func(yield func(metrics.DayCount, error) bool) {
		some := s.someDays
		if !q.AsOf.IsZero() {
			some = s.someDaysAsOf
		}
		for q, more := q, true; more; {
			part, last, err := some(ctx, &q)
			if err != nil {
				yield(metrics.DayCount{}, wrap(err, "read daily metrics"))
				return
			}
			for i := range part {
				if !yield(part[i], nil) {
					return
				}
			}
			q.From, more = last+1, last != 0
		}
	}
}

// someDays reads the first days that q selects. Last is the last of them, or
// 0 if there are no more.
func (s *Store) someDays(ctx context.Context, q *metrics.Filter) (part metrics.Contribution, last metrics.Day, err error) {
	for range readTries {
		part, last, err = s.tryDays(ctx, q)
		if !errors.Is(err, errMoved) {
			return part, last, err
		}
	}
	return nil, 0, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// tryDays reads the state of the rollup, then all else, then the state again.
// Errors: errMoved if they differ.
func (s *Store) tryDays(ctx context.Context, q *metrics.Filter) (metrics.Contribution, metrics.Day, error) {
	r, err := s.readRollup(ctx)
	if err != nil {
		return nil, 0, err
	}
	v := view{q: *q, rollup: r}
	if v.changes, err = s.changes(ctx, r); err != nil {
		return nil, 0, err
	}
	if len(v.changes.notes) > 0 {
		s.settler.kick()
	}
	if err := s.readDays(ctx, &v); err != nil {
		return nil, 0, err
	}
	sum, err := s.sum(ctx, &v)
	if err != nil {
		return nil, 0, err
	}
	after, err := s.readRollup(ctx)
	if err != nil {
		return nil, 0, err
	}
	if !r.same(after) {
		return nil, 0, errMoved
	}
	return sum, v.last, nil
}

// view is a state of the ledger as far as a query asks for it.
type view struct {
	q       metrics.Filter
	rollup  *rollupDoc
	changes *changes
	days    []dayDoc
	last    metrics.Day // the last day read, 0 if there are no more
}

// readDays reads days of the rollup, from memory if it can.
func (s *Store) readDays(ctx context.Context, v *view) error {
	if len(v.rollup.Plan) > 0 {
		return s.findDays(ctx, v)
	}
	days, ok, err := s.cachedDays(ctx, v.rollup)
	if err != nil {
		return err
	}
	if !ok {
		return s.findDays(ctx, v)
	}
	var from, to string
	if v.q.From != 0 {
		from = v.q.From.String()
	}
	if v.q.To != 0 {
		to = v.q.To.String()
	}
	v.days = within(days, from, to)
	if most := int(daysAtATime(&v.q)); (v.q.Slots || v.q.Subjects || v.q.Groups) && len(v.days) >= most {
		v.days = v.days[:most]
		return v.endWith(v.days[most-1].Date)
	}
	return nil
}

// endWith makes a date the last one of the view, behind which there may be
// more.
func (v *view) endWith(date string) (err error) {
	v.last, err = metrics.ParseDay(date)
	v.q.To = v.last
	return err
}

// findDays reads days of the rollup from the database.
func (s *Store) findDays(ctx context.Context, v *view) error {
	opts := options.Find().SetSort(eq("date", 1)).SetLimit(daysAtATime(&v.q))
	var err error
	if v.days, err = findAll[dayDoc](ctx, s, s.daily, dates(v.q.From, v.q.To), opts); err != nil {
		return err
	}
	if n := len(v.days); int64(n) == daysAtATime(&v.q) {
		if err := v.endWith(v.days[n-1].Date); err != nil {
			return err
		}
	}
	v.days = slices.DeleteFunc(v.days, func(d dayDoc) bool { return d.Epoch != v.rollup.Epoch })
	for i := range v.days {
		if v.days[i].Generation > v.rollup.Generation {
			return errMoved
		}
	}
	return nil
}

// sum adds to the days of the rollup what is not in them.
func (s *Store) sum(ctx context.Context, v *view) (metrics.Contribution, error) {
	late, err := s.late(ctx, v)
	if err != nil {
		return nil, err
	}
	settled, err := s.settled(ctx, v)
	if err != nil || len(late) == 0 {
		return settled, err
	}
	byDay := maps.Collect(settled.Days())
	for day, ch := range late {
		if len(ch.take) > 0 && v.q.Subjects {
			if byDay[day], err = s.sumDay(ctx, day, v.rollup.Epoch, v.truth(), v.q); err != nil {
				return nil, err
			}
			continue
		}
		byDay[day] = less(metrics.Merge(byDay[day], ch.add), ch.take)
	}
	var all metrics.Contribution
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		all = append(all, byDay[day]...)
	}
	return all, nil
}

// settled returns what the days of the rollup have of what q asks for.
func (s *Store) settled(ctx context.Context, v *view) (metrics.Contribution, error) {
	totals, err := s.settledTotals(ctx, v)
	if err != nil || !v.q.Groups {
		return totals, err
	}
	groups, err := s.readGroups(ctx, v.days, v.q)
	return totals.WithGroups(groups), err
}

func (s *Store) settledTotals(ctx context.Context, v *view) (metrics.Contribution, error) {
	var all metrics.Contribution
	for i := range v.days {
		d := &v.days[i]
		if v.q.Slots || v.q.Subjects || d.Spilled {
			continue
		}
		day, err := metrics.ParseDay(d.Date)
		if err != nil {
			return nil, err
		}
		for _, m := range d.Metrics {
			if v.q.MatchType(m.Type) {
				all = append(all, metrics.DayCount{Day: day, Type: m.Type, Count: m.Count})
			}
		}
	}
	detailed := slices.Clone(v.days)
	if !v.q.Slots && !v.q.Subjects {
		detailed = slices.DeleteFunc(detailed, func(d dayDoc) bool { return !d.Spilled })
	}
	if len(detailed) == 0 {
		return all, nil
	}
	more, err := s.readDetails(ctx, detailed, v.q)
	return metrics.Merge(all, more), err
}

// truth returns the revision that counts of each batch that changed.
func (v *view) truth() map[string]string {
	to := map[string]string{}
	for _, id := range v.changes.batches {
		if e := v.changes.entries[id]; e != nil {
			to[id] = e.Revision
		}
	}
	return to
}

// late returns what the days of the rollup lack, and what they have too much.
func (s *Store) late(ctx context.Context, v *view) (map[metrics.Day]*change, error) {
	generation := map[string]int64{}
	for i := range v.days {
		generation[v.days[i].Date] = v.days[i].Generation
	}
	diffs, revisions := v.diffs()
	if len(revisions) == 0 {
		return nil, nil
	}
	late := map[metrics.Day]*change{}
	filter := eq("revision", eq("$in", revisions))
	q := v.q
	err := s.eachShare(ctx, filter, q, func(d *shareDoc, c metrics.Contribution) {
		c = slices.DeleteFunc(c, func(d metrics.DayCount) bool { return !q.Match(d.Day, d.Type) })
		if len(c) == 0 {
			return
		}
		add, take := diffs[d.BatchID].at(generation[d.Date] == v.rollup.Generation, d.Revision)
		if !add && !take {
			return
		}
		ch := late[c[0].Day]
		if ch == nil {
			ch = &change{}
			late[c[0].Day] = ch
		}
		if add {
			ch.add = metrics.Merge(ch.add, c)
		} else {
			ch.take = metrics.Merge(ch.take, c)
		}
	})
	return late, err
}

// diff is the difference between what counts of a batch and what the rollup
// has: Before in days that the plan has not reached, After in the others.
type diff struct {
	before, after, truth string
}

// at says what is to be done with the share of a revision.
func (d *diff) at(reached bool, revision string) (add, take bool) {
	has := d.before
	if reached {
		has = d.after
	}
	if has == d.truth {
		return false, false
	}
	return revision == d.truth, revision == has
}

// diffs returns the batches that differ, and the revisions that it takes to
// make up for it.
func (v *view) diffs() (map[string]*diff, bson.A) {
	all := map[string]*diff{}
	for _, id := range v.changes.batches {
		if e := v.changes.entries[id]; e != nil {
			folded := e.folded(v.rollup.Epoch)
			all[id] = &diff{before: folded, after: folded, truth: e.Revision}
		}
	}
	for _, p := range v.rollup.Plan {
		if d := all[p.BatchID]; d != nil {
			d.before, d.after = p.From, p.To
		}
	}
	needed := map[string]bool{}
	for id, d := range all {
		if d.before == d.truth && d.after == d.truth {
			delete(all, id)
			continue
		}
		needed[d.before], needed[d.after], needed[d.truth] = true, true, true
	}
	delete(needed, "")
	list := bson.A{}
	for revision := range needed {
		list = append(list, revision)
	}
	return all, list
}

// less returns c without what other has of it. Sketches stay as they are.
func less(c, other metrics.Contribution) metrics.Contribution {
	if len(other) == 0 {
		return c
	}
	out := make(metrics.Contribution, 0, len(c))
	for i := range c {
		d := c[i]
		if len(other) > 0 && d.Compare(&other[0]) == 0 {
			d.Subtract(&other[0])
			other = other[1:]
		}
		if d.Count != 0 {
			out = append(out, d)
		}
	}
	return out
}
