package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Rebuild implements [store.Auditor]. It writes each day in a transaction of
// its own, so that other writes do not wait for all of them.
func (s *Store) Rebuild(ctx context.Context) error {
	days, err := readDays(ctx, s.reader, "SELECT day FROM ledger UNION SELECT day FROM day_groups UNION SELECT day FROM days UNION SELECT day FROM details UNION SELECT day FROM arrivals UNION SELECT day FROM spans ORDER BY 1")
	if err != nil {
		return wrap(ctx, err, "list the days")
	}
	for _, day := range days {
		err := s.update(ctx, unsynced, func(tx *sql.Tx) error { return rebuildDay(ctx, tx, day) })
		if err != nil {
			return wrap(ctx, err, "sum %v again", day)
		}
	}
	err = s.update(ctx, unsynced, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM unpurged; INSERT INTO unpurged(day, batches)
			SELECT day, count(*) FROM ledger JOIN batches ON id = batch_id WHERE NOT purged GROUP BY day`)
		return err
	})
	return wrap(ctx, err, "count what is not purged")
}

func rebuildDay(ctx context.Context, tx *sql.Tx, day metrics.Day) error {
	var d daySum
	err := tx.QueryRowContext(ctx, "SELECT version FROM details WHERE day = ?", day).Scan(&d.version)
	if err != nil && !isNoRows(err) {
		return err
	}
	rows, err := tx.QueryContext(ctx, "SELECT counts, subjects, "+shareGroups+" FROM ledger WHERE day = ?", day)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var counts, subjects, groups sql.RawBytes
		if err := rows.Scan(&counts, &subjects, &groups); err != nil {
			return err
		}
		share, err := joinShare(counts, subjects, groups, metrics.AllParts())
		if err != nil {
			return fmt.Errorf("ledger of %v: %w", day, err)
		}
		d.sum = d.sum.Add(share)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	groups := d.sum.Groups()
	d.sum = d.sum.Totals()
	return errors.Join(writeDay(ctx, tx, day, &d), writeGroups(ctx, tx, day, groups), orderDay(ctx, tx, day))
}
