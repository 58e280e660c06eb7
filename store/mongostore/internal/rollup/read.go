package rollup

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// readTries is how often a read starts again because the rollup moved on
// meanwhile. Each move is tens of milliseconds of work for some process.
const readTries = 100

// daysAtOnce is the number of days that are read into memory at once.
func daysAtOnce(q *metrics.Filter) int {
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

// DayCounts yields what q selects, in the order of store.Store. All days that
// are read at once are of one state of the ledger: 4,000 days of counts, 400
// of quarter hours, 50 of subjects, 20 of groups, and 30 calendar days with
// AsOf. Errors: store.ErrUnavailable.
func (r *Rollup) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	read := r.firstDays
	if q.Ledger || !q.AsOf.IsZero() {
		read = r.ledger.firstDaysAsOf
	}
	return func(yield func(metrics.DayCount, error) bool) {
		for q, more := q, true; more; {
			part, last, err := read(ctx, &q)
			if err != nil {
				yield(metrics.DayCount{}, err)
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

// firstDays reads the first days that q selects. Last is the last of them, or
// 0 if there are no more.
func (r *Rollup) firstDays(ctx context.Context, q *metrics.Filter) (part metrics.Contribution, last metrics.Day, err error) {
	err = retryMoved(ctx, r.run, func(ctx context.Context) error {
		part, last, err = r.tryDays(ctx, q)
		return err
	})
	return part, last, err
}

// retryMoved calls read until it returns another error than errMoved. Each call
// sees one history: no find of it is of an older copy than one before. Errors:
// store.ErrUnavailable after readTries; metrics.ErrCorrupt.
func retryMoved(ctx context.Context, run *command.Runner, read func(context.Context) error) (err error) {
	var lost losses
	for range readTries {
		if err = lost.count(run.Causal(ctx, read)); !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// tryDays reads the state of the rollup, then everything else, then the entries
// and the state again. Errors: errMoved if they differ.
func (r *Rollup) tryDays(ctx context.Context, q *metrics.Filter) (metrics.Contribution, metrics.Day, error) {
	v, err := r.look(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	sum, err := v.sum(ctx)
	if err != nil {
		return nil, 0, err
	}
	return sum, v.last, v.check(ctx)
}

// look reads the state, the journal and its entries, and the first days.
func (r *Rollup) look(ctx context.Context, q *metrics.Filter) (*view, error) {
	s, err := r.readState(ctx)
	if err != nil {
		return nil, err
	}
	v := &view{r: r, q: *q, state: s}
	if v.changes, err = r.ledger.changes(ctx, s); err != nil {
		return nil, err
	}
	if len(v.changes.notes) > 0 {
		r.background.wake()
	}
	return v, v.readDays(ctx)
}

// check returns errMoved if what was read is not of one state of the ledger.
func (v *view) check(ctx context.Context) error {
	if err := v.checkEntries(ctx); err != nil {
		return err
	}
	return v.r.checkState(ctx, v.state)
}
