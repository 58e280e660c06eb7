package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// asOfHeld is the number of sums, of up to 5 KiB each, up to which a query with
// AsOf reads all of them before it yields the first.
const asOfHeld = 2000

// dailyAsOf sums what was recorded until q.AsOf from the ledger, in which the
// rows of a day are together. All of it comes from one state of the database.
func (s *Store) dailyAsOf(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return func(yield func(metrics.DayCount, error) bool) {
		r := asOfReader{q: q, yield: yield}
		err := s.view(ctx, func(tx *sql.Tx) error { return r.read(ctx, tx) })
		if err == nil && !r.stopped {
			err = r.flush(ctx)
		}
		if err != nil && !r.stopped {
			yield(metrics.DayCount{}, wrap(ctx, err, "read daily metrics as of %v", q.AsOf))
		}
	}
}

// asOfReader holds sums that are not yielded yet.
type asOfReader struct {
	q       metrics.Filter
	yield   func(metrics.DayCount, error) bool
	held    metrics.Contribution
	stopped bool
}

func (r *asOfReader) read(ctx context.Context, tx *sql.Tx) error {
	from, to := daysOf(&r.q)
	rows, err := tx.QueryContext(ctx, `SELECT day, counts, CASE WHEN ? THEN subjects END, CASE WHEN ? THEN `+shareGroups+` END
		FROM ledger WHERE day BETWEEN ? AND ? AND coalesce((SELECT recorded FROM batches WHERE id = batch_id),
			(SELECT recorded FROM forgotten WHERE id = batch_id)) <= ? ORDER BY day`, r.q.Subjects, r.q.Groups, from, to, r.q.AsOf.UnixMilli())
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var last metrics.Day
	var sum metrics.Contribution // of the last day
	for rows.Next() {
		var day metrics.Day
		var counts, subjects, groups sql.RawBytes
		if err := rows.Scan(&day, &counts, &subjects, &groups); err != nil {
			return err
		}
		if day != last {
			if err := r.hold(ctx, sum); err != nil || r.stopped {
				return err
			}
			last, sum = day, nil
		}
		share, err := joinShare(counts, subjects, groups, r.q)
		if err != nil {
			return fmt.Errorf("ledger of %v: %w", day, err)
		}
		sum = sum.Add(share)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return r.hold(ctx, sum)
}

func (r *asOfReader) hold(ctx context.Context, day metrics.Contribution) error {
	r.held = append(r.held, day...)
	if len(r.held) < asOfHeld {
		return nil
	}
	return r.flush(ctx)
}

// flush yields the sums that are held.
func (r *asOfReader) flush(ctx context.Context) error {
	for i := range r.held {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !r.yield(r.held[i], nil) {
			r.stopped = true
			return nil
		}
	}
	r.held = nil
	return nil
}
