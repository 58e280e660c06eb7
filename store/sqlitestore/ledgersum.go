package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// dayCountBytes is the size of a DayCount with its sketch, at most.
const dayCountBytes = 5 << 10

// readLedger sums the entries of the ledger, in which the rows of a day are
// together. What is kept of them, that is sums, places and spans, is not read.
func (r *dayReader) readLedger(ctx context.Context, tx *sql.Tx) error {
	until := int64(math.MaxInt64)
	if !r.q.AsOf.IsZero() {
		until = r.q.AsOf.UnixMilli()
	}
	rows, err := tx.QueryContext(ctx, `SELECT day, counts, CASE WHEN ? THEN subjects END, CASE WHEN ? THEN `+shareGroups+` END
		FROM ledger WHERE day BETWEEN ? AND ? AND `+recordedAt+` <= ? ORDER BY day`, r.q.Subjects, r.q.Groups, r.from, r.to, until)
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
