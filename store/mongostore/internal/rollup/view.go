package rollup

import (
	"context"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// view is what one read sees of the rollup and the ledger.
type view struct {
	r       *Rollup
	q       metrics.Filter
	state   *stateDoc
	changes *changes
	days    []dayDoc
	last    metrics.Day // the last day read, 0 if there are no more
}

// readDays reads days of the rollup, from memory if they are there.
func (v *view) readDays(ctx context.Context) error {
	if len(v.state.Plan) > 0 {
		return v.findDays(ctx)
	}
	days, ok, err := v.r.days.cached(ctx, v.state)
	if err != nil {
		return err
	}
	if !ok {
		return v.findDays(ctx)
	}
	var from, to string
	if v.q.From != 0 {
		from = v.q.From.String()
	}
	if v.q.To != 0 {
		to = v.q.To.String()
	}
	v.days = within(days, from, to)
	if most := daysAtOnce(&v.q); (v.q.Slots || v.q.Subjects || v.q.Groups) && len(v.days) >= most {
		v.days = v.days[:most]
		return v.endWith(v.days[most-1].Date)
	}
	return nil
}

// findDays reads days of the rollup from the database.
func (v *view) findDays(ctx context.Context) error {
	days, last, err := v.r.days.find(ctx, v.state, v.q.From, v.q.To, daysAtOnce(&v.q))
	if err != nil {
		return err
	}
	v.days = days
	if last == "" {
		return nil
	}
	return v.endWith(last)
}

// endWith makes a date the last one of the view. There may be days after it.
func (v *view) endWith(date string) (err error) {
	v.last, err = metrics.ParseDay(date)
	v.q.To = v.last
	return err
}

// sum returns the days of the rollup, corrected to what the ledger says.
func (v *view) sum(ctx context.Context) (metrics.Contribution, error) {
	corrections, err := v.corrections(ctx)
	if err != nil {
		return nil, err
	}
	folded, err := v.folded(ctx)
	if err != nil || len(corrections) == 0 {
		return folded, err
	}
	byDay := maps.Collect(folded.Days())
	for day, c := range corrections {
		if len(c.subtract) > 0 && v.q.Subjects { // sketches cannot be subtracted
			if byDay[day], err = v.r.ledger.sumDay(ctx, day, v.state.Epoch, v.revisions(), v.q); err != nil {
				return nil, err
			}
			continue
		}
		byDay[day] = metrics.Merge(byDay[day], c.add).Subtract(c.subtract)
	}
	var all metrics.Contribution
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		all = append(all, byDay[day]...)
	}
	return all, nil
}

// folded returns what q asks for of the days of the rollup.
func (v *view) folded(ctx context.Context) (metrics.Contribution, error) {
	totals, err := v.totals(ctx)
	if err != nil || !v.q.Groups {
		return totals, err
	}
	groups, err := v.r.days.readGroups(ctx, v.days, v.q)
	return totals.WithGroups(groups), err
}

// totals returns the totals of the days: from the documents of the days if only
// counts are asked for, otherwise from the details.
func (v *view) totals(ctx context.Context) (metrics.Contribution, error) {
	var all metrics.Contribution
	var detailed []dayDoc
	for i := range v.days {
		d := &v.days[i]
		if v.q.Slots || v.q.Subjects || d.Spilled {
			detailed = append(detailed, *d)
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
	if len(detailed) == 0 {
		return all, nil
	}
	more, err := v.r.days.readDetails(ctx, detailed, v.q)
	return metrics.Merge(all, more), err
}

// revisions returns the revision that counts of each batch that has changed.
func (v *view) revisions() map[string]string {
	to := map[string]string{}
	for _, id := range v.changes.batches {
		if e := v.changes.entries[id]; e != nil {
			to[id] = e.Revision
		}
	}
	return to
}
