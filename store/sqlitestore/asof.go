package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// dayCountBytes is the size of a DayCount with its sketch, at most.
const dayCountBytes = 5 << 10

// readAsOf sums what was recorded until q.AsOf from the ledger, in which the
// rows of a day are together.
func (r *dayReader) readAsOf(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT day, counts, CASE WHEN ? THEN subjects END, CASE WHEN ? THEN `+shareGroups+` END
		FROM ledger WHERE day BETWEEN ? AND ? AND coalesce((SELECT recorded FROM batches WHERE id = batch_id),
			(SELECT recorded FROM archived WHERE id = batch_id)) <= ? ORDER BY day`, r.q.Subjects, r.q.Groups, r.from, r.to, r.q.AsOf.UnixMilli())
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var now heldDay    // the day of the last row
	for rows.Next() {
		var day metrics.Day
		var counts, subjects, groups sql.RawBytes
		if err := rows.Scan(&day, &counts, &subjects, &groups); err != nil {
			return err
		}
		if day != now.day || now.sum == nil {
			if r.holdSum(now); r.full() {
				return nil
			}
			now = heldDay{day: day}
		}
		share, err := joinShare(counts, subjects, groups, r.q)
		if err != nil {
			return fmt.Errorf("ledger of %v: %w", day, err)
		}
		now.sum = now.sum.Add(share)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	r.holdSum(now)
	return nil
}

// holdSum holds a day that has a sum.
func (r *dayReader) holdSum(d heldDay) {
	if d.sum != nil {
		r.hold(d, len(d.sum)*dayCountBytes)
	}
}
