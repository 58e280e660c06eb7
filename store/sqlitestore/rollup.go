package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// daySum is the sum of the ledger for one day. Its subjects are decoded only
// when they are up to date.
type daySum struct {
	sum     metrics.Contribution
	version int64
	stale   bool // the subjects are not the sum of the ledger
}

func readDay(ctx context.Context, tx *sql.Tx, day metrics.Day, subjects bool) (daySum, error) {
	var d daySum
	var slots, sketches []byte
	err := tx.QueryRowContext(ctx, "SELECT version, slots, CASE WHEN ? THEN subjects END, subjects IS NULL FROM details WHERE day = ?", subjects, day).
		Scan(&d.version, &slots, &sketches, &d.stale)
	if isNoRows(err) {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	d.sum, err = metrics.JoinParts(slots, sketches, metrics.Filter{Slots: true, Subjects: subjects && !d.stale})
	return d, err
}

// addToDay adds a share to the sums of its day.
func addToDay(ctx context.Context, tx *sql.Tx, day metrics.Day, share metrics.Contribution) error {
	d, err := readDay(ctx, tx, day, true)
	if err != nil {
		return err
	}
	d.sum = d.sum.Add(share)
	return writeDay(ctx, tx, day, &d)
}

// takeFromDay subtracts the counts of a share from the sums of its day. The
// subjects are then out of date.
func takeFromDay(ctx context.Context, tx *sql.Tx, day metrics.Day, share metrics.Contribution) error {
	d, err := readDay(ctx, tx, day, false)
	if err != nil {
		return err
	}
	d.sum = d.sum.Subtract(share)
	d.stale = true
	return writeDay(ctx, tx, day, &d)
}

func writeDay(ctx context.Context, tx *sql.Tx, day metrics.Day, d *daySum) error {
	if len(d.sum) == 0 {
		_, err := tx.ExecContext(ctx, "DELETE FROM days WHERE day = ?1; DELETE FROM details WHERE day = ?1", day)
		return err
	}
	totals, err := d.sum.AppendPart(nil, metrics.Filter{})
	if err != nil {
		return err
	}
	slots, err := d.sum.AppendPart(nil, metrics.SlotsPart())
	if err != nil {
		return err
	}
	var subjects any
	if !d.stale {
		if subjects, err = d.sum.AppendPart(nil, metrics.SubjectsPart()); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO days(day, totals) VALUES(?, ?)", day, totals); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO details(day, version, slots, subjects) VALUES(?, ?, ?, ?)",
		day, d.version+1, slots, subjects)
	return err
}
