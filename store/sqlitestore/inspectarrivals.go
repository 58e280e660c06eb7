package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// arrivals checks the places of the entries of each day, and its spans.
func (in *inspector) arrivals(ctx context.Context) error {
	last, err := in.number()
	if err != nil {
		return err
	}
	if in.at == "" {
		last = math.MinInt64
	}
	for range inspectDays {
		var day sql.NullInt64
		var wrong error
		err := in.s.view(ctx, func(tx *sql.Tx) error {
			err := tx.QueryRowContext(ctx, `SELECT min(day) FROM (SELECT * FROM (SELECT day FROM ledger WHERE day > ?1 ORDER BY day LIMIT 1)
				UNION ALL SELECT * FROM (SELECT day FROM arrivals WHERE day > ?1 ORDER BY day LIMIT 1)
				UNION ALL SELECT * FROM (SELECT day FROM spans WHERE day > ?1 ORDER BY day LIMIT 1))`, last).Scan(&day)
			if err == nil && day.Valid {
				wrong = checkDay(ctx, tx, metrics.Day(day.Int64))
			}
			return err
		})
		switch {
		case err != nil: // where the next day is cannot be told
			return in.note(ctx, store.PartSums, "", err)
		case !day.Valid:
			return nil
		}
		last = day.Int64
		if wrong != nil {
			wrong = fmt.Errorf("entries of %v: %w", metrics.Day(last), wrong)
		}
		if err := in.note(ctx, store.PartSums, "", wrong); err != nil {
			return err
		}
	}
	in.Next = fmt.Sprintf("%s/%d", partArrivals, last)
	return nil
}

// checkDay compares the places and the spans of a day with the ledger.
func checkDay(ctx context.Context, tx *sql.Tx, day metrics.Day) error {
	var entries, placed, right, early int64
	err := tx.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM ledger WHERE day = ?1 AND `+recordedAt+` IS NOT NULL),
		(SELECT count(*) FROM arrivals WHERE day = ?1),
		(SELECT count(*) FROM ledger JOIN arrivals USING (day, batch_id) WHERE day = ?1 AND recorded = `+recordedAt+`),
		(SELECT count(*) FROM (SELECT recorded < lag(recorded) OVER (ORDER BY place) AS early FROM arrivals WHERE day = ?1 AND place >= 0) WHERE early)`,
		day).Scan(&entries, &placed, &right, &early)
	if err == nil && (entries != placed || entries != right || early > 0) {
		err = errors.New("their places are not those of the ledger")
	}
	if err != nil {
		return err
	}
	end, err := endOfPlaces(ctx, tx, day)
	for level := int64(1); err == nil && end>>(spanBits*level) > 0; level++ {
		for no := int64(0); err == nil && no < end>>(spanBits*level); no++ {
			err = checkSpan(ctx, tx, day, level, no)
		}
	}
	return err
}

// checkSpan compares a span with what is below it.
func checkSpan(ctx context.Context, tx *sql.Tx, day metrics.Day, level, no int64) error {
	want, err := belowSpan(ctx, tx, day, level, no)
	if err != nil {
		return err
	}
	got, err := sumShares(ctx, tx, metrics.AllParts(), "SELECT counts, subjects FROM spans WHERE day = ? AND level = ? AND no = ?", day, level, no)
	if err != nil {
		return err
	}
	for _, q := range []metrics.Filter{metrics.SlotsPart(), metrics.SubjectsPart()} {
		w, err := want.AppendPart(nil, q)
		g, err2 := got.AppendPart(nil, q)
		if err := errors.Join(err, err2); err != nil || string(w) != string(g) {
			return errors.Join(err, fmt.Errorf("%w: a sum of adjacent entries differs from the ledger", metrics.ErrCorrupt))
		}
	}
	return nil
}
