package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// asOfDays is the number of days that are looked up at once.
const asOfDays = 100

// asOfDay is a day with entries, and what of them was recorded until the moment
// of a query.
type asOfDay struct {
	day   metrics.Day
	whole bool  // all entries
	end   int64 // the entries of the places before end, and
	loose bool  // some of those without a place in the order
}

// readAsOf reads what was recorded until q.AsOf. A day of which that is all is
// read from its sums.
func (r *dayReader) readAsOf(ctx context.Context, tx *sql.Tx) error {
	for {
		days, err := r.asOfDays(ctx, tx)
		if err != nil || len(days) == 0 {
			return err
		}
		for len(days) > 0 {
			n := 0
			for n < len(days) && days[n].whole {
				n++
			}
			if n == 0 {
				n, err = 1, r.readPart(ctx, tx, &days[0])
			} else {
				err = r.readSumsUntil(ctx, tx, int64(days[n-1].day))
			}
			if err != nil || r.full() {
				return err
			}
			days = days[n:]
		}
	}
}

// asOfDays returns the first of the days to read.
func (r *dayReader) asOfDays(ctx context.Context, tx *sql.Tx) ([]asOfDay, error) {
	rows, err := tx.QueryContext(ctx, `SELECT day,
		NOT EXISTS(SELECT 1 FROM arrivals a WHERE a.day = days.day AND recorded > ?1),
		coalesce((SELECT place FROM arrivals a WHERE a.day = days.day AND recorded <= ?1 AND place >= 0 ORDER BY recorded DESC, place DESC LIMIT 1), -1) + 1,
		EXISTS(SELECT 1 FROM arrivals a WHERE a.day = days.day AND place < 0)
		FROM days WHERE day BETWEEN ?2 AND ?3 ORDER BY day LIMIT ?4`, r.q.AsOf.UnixMilli(), r.from, r.to, asOfDays)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var days []asOfDay
	for rows.Next() {
		var d asOfDay
		if err := rows.Scan(&d.day, &d.whole, &d.end, &d.loose); err != nil {
			return nil, err
		}
		days = append(days, d)
	}
	return days, rows.Err()
}

// readPart sums a part of the entries of a day.
func (r *dayReader) readPart(ctx context.Context, tx *sql.Tx, d *asOfDay) error {
	r.from = int64(d.day) + 1
	if d.end == 0 && !d.loose {
		return nil
	}
	sum, err := sumShares(ctx, tx, r.q, firstEntries, d.day, d.end, r.q.AsOf.UnixMilli(), r.q.Subjects, spanBits)
	if err != nil {
		return fmt.Errorf("ledger of %v: %w", d.day, err)
	}
	if r.q.Groups {
		groups, err := r.groupsAsOf(ctx, tx, d.day)
		if err != nil {
			return fmt.Errorf("groups of %v: %w", d.day, err)
		}
		sum = sum.WithGroups(groups)
	}
	r.holdSum(heldDay{day: d.day, sum: sum})
	return nil
}

// firstEntries selects what sums to the entries of day ?1 at places before ?2 and
// to those without a place that were recorded until ?3.
const firstEntries = `WITH levels(level) AS (` + spanLevels + `)
	SELECT counts, CASE WHEN ?4 THEN subjects END FROM levels CROSS JOIN spans USING (level)
		WHERE day = ?1 AND no >= ((?2 >> (?5 * level + ?5)) << ?5) AND no < (?2 >> (?5 * level)) AND (?2 >> (?5 * level)) > 0
	UNION ALL SELECT counts, CASE WHEN ?4 THEN subjects END FROM arrivals CROSS JOIN ledger USING (day, batch_id)
		WHERE day = ?1 AND place >= ((?2 >> ?5) << ?5) AND place < ?2
	UNION ALL SELECT counts, CASE WHEN ?4 THEN subjects END FROM arrivals CROSS JOIN ledger USING (day, batch_id)
		WHERE day = ?1 AND place < 0 AND recorded <= ?3`

// groupsAsOf sums the groups of the entries of a day, which have no spans.
func (r *dayReader) groupsAsOf(ctx context.Context, tx *sql.Tx, day metrics.Day) (metrics.Contribution, error) {
	rows, err := tx.QueryContext(ctx, `SELECT groups FROM arrivals CROSS JOIN ledger_groups USING (day, batch_id)
		WHERE day = ? AND recorded <= ?`, day, r.q.AsOf.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	q := r.q
	q.Subjects = false
	var sum metrics.Contribution
	for rows.Next() {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		share, err := metrics.DecodeContribution(text, q)
		if err != nil {
			return nil, err
		}
		sum = metrics.Merge(sum, share)
	}
	return sum, rows.Err()
}
