package rollup

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// MarkPurged notes in the entry of a batch, if it has one, that the events of the
// batch are purged. It stays so when the entry is changed. It is safe to repeat.
func (l *Ledger) MarkPurged(ctx context.Context, id string) error {
	for {
		e, err := l.entry(ctx, id)
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		if err != nil || e.Void || e.Purged {
			return err
		}
		marked, err := l.tryChange(ctx, e, func(note string) (*entryDoc, error) {
			next := *e
			next.Purged, next.Change, next.Changed = true, note, l.now()
			return &next, nil
		})
		if marked || err != nil {
			return err
		}
	}
}

// UnpurgedDays returns the days between from and to that have a batch which
// [Ledger.MarkPurged] was not called for, ascending. A zero bound is none. It may
// return a day until what was changed in it is folded. It reads the days of the
// rollup, and the shares of batches that are not folded.
func (r *Rollup) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	var days []metrics.Day
	q := metrics.Filter{From: from, To: to}
	for more := true; more; {
		var part []metrics.Day
		var last metrics.Day
		err := retryMoved(ctx, r.run, func(ctx context.Context) (err error) {
			part, last, err = r.tryUnpurged(ctx, &q)
			return err
		})
		if err != nil {
			return nil, err
		}
		days = append(days, part...)
		q.From, more = last+1, last != 0
	}
	return days, nil
}

// tryUnpurged reads the first of these days, as tryDays reads counts. Errors:
// errMoved.
func (r *Rollup) tryUnpurged(ctx context.Context, q *metrics.Filter) ([]metrics.Day, metrics.Day, error) {
	v, err := r.look(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	days, err := v.unfoldedDays(ctx)
	if err != nil {
		return nil, 0, err
	}
	for i := range v.days {
		if v.days[i].Unpurged <= 0 && v.state.Format == stateFormat {
			continue
		}
		day, err := metrics.ParseDay(v.days[i].Date)
		if err != nil {
			return nil, 0, err
		}
		days = append(days, day)
	}
	if err := v.check(ctx); err != nil {
		return nil, 0, err
	}
	slices.Sort(days)
	return slices.Compact(days), v.last, nil
}

// unfoldedDays returns the days of batches with events that the rollup may lack.
func (v *view) unfoldedDays(ctx context.Context) ([]metrics.Day, error) {
	differing, _ := v.differing()
	var revisions []string
	for id := range differing {
		if e := v.changes.entries[id]; e.Revision != "" && !e.Purged {
			revisions = append(revisions, e.Revision)
		}
	}
	var all []metrics.Day
	for some := range slices.Chunk(revisions, command.MaxKeys) {
		days, err := v.r.ledger.shares.days(ctx, v.sharesOf(some))
		if err != nil {
			return nil, err
		}
		all = append(all, days...)
	}
	return all, nil
}

// dates selects the dates between two days, both included. A zero bound is
// none.
func dates(from, to metrics.Day) bson.D {
	date := eq("$gt", "")
	if from != 0 {
		date = eq("$gte", from.String())
	}
	if to != 0 {
		date = append(date, eq("$lte", to.String())...)
	}
	return eq("date", date)
}
