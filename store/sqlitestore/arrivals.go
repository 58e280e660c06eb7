package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// A query as of a moment needs the sum of the entries of a day that were recorded
// until then. So the entries of a day have places, which ascend with the time of
// recording, and there are sums of each 4 of them, of each 16, and so on: spans.
// The first p entries are a few spans and at most 3 entries. A span is there if
// all of its places are taken or passed.
//
// An entry that is recorded with an earlier time than others, because a clock was
// set back or another process has another clock, may find no place between them.
// Then its place is negative, in no span, and read by itself. When a day has more
// than a few of them, its places are given again.

// spanLevels has the numbers of levels that may have spans.
const spanLevels = "VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15)"

const (
	// spanBits is the binary logarithm of the number of entries, or of spans of
	// the level below, in a span.
	spanBits = 2
	// maxLooseEntries is the number of entries of a day without a place in its
	// order, from which on the day is put in order by Prune.
	maxLooseEntries = 16
)

// arrange brings the place of a batch in a day, and the spans that include it, up
// to date after the entry of the batch for that day was added, changed or removed.
func arrange(ctx context.Context, tx *sql.Tx, day metrics.Day, b *batchRow) error {
	p, err := readPlaces(ctx, tx, day, b)
	place := p.now.Int64
	switch {
	case err != nil || !p.now.Valid && !p.entered:
		return err
	case !p.entered:
		_, err = tx.ExecContext(ctx, "DELETE FROM arrivals WHERE day = ?1 AND place = ?2;"+dropSpans, day, place, spanBits)
		if err == nil {
			p, err = readPlaces(ctx, tx, day, b)
		}
	case !p.now.Valid:
		place = p.free()
		p.last = max(p.last, place)
		_, err = tx.ExecContext(ctx, "INSERT INTO arrivals(day, place, recorded, batch_id) VALUES(?, ?, ?, ?)", day, place, b.recorded, b.ID)
	}
	for level := int64(1); err == nil && place >= 0 && (place>>(spanBits*level)+1)<<(spanBits*level) <= p.last+1; level++ {
		err = sumSpan(ctx, tx, day, level, place>>(spanBits*level))
	}
	return err
}

// places are those of a day, as a batch sees them.
type places struct {
	now          sql.NullInt64 // its own
	entered      bool          // the ledger has an entry of it
	before       int64         // the last one that is not recorded later, or -1
	after        sql.NullInt64 // the first one that is
	lowest, last int64         // of all; 0 and -1 if there are none
}

func readPlaces(ctx context.Context, tx *sql.Tx, day metrics.Day, b *batchRow) (p places, err error) {
	err = tx.QueryRowContext(ctx, `SELECT
		(SELECT place FROM arrivals WHERE day = ?1 AND recorded = ?2 AND batch_id = ?3),
		EXISTS(SELECT 1 FROM ledger WHERE day = ?1 AND batch_id = ?3),
		coalesce((SELECT place FROM arrivals WHERE day = ?1 AND recorded <= ?2 AND place >= 0 ORDER BY recorded DESC, place DESC LIMIT 1), -1),
		(SELECT place FROM arrivals WHERE day = ?1 AND recorded > ?2 AND place >= 0 ORDER BY recorded, place LIMIT 1),
		coalesce((SELECT min(place, 0) FROM arrivals WHERE day = ?1 ORDER BY place LIMIT 1), 0),
		coalesce((SELECT max(place, -1) FROM arrivals WHERE day = ?1 ORDER BY place DESC LIMIT 1), -1)`,
		day, b.recorded, b.ID).Scan(&p.now, &p.entered, &p.before, &p.after, &p.lowest, &p.last)
	return p, err
}

// free returns a place after all entries that were recorded until a time and
// before those that were recorded later, or else a negative one.
func (p *places) free() int64 {
	if !p.after.Valid || p.before+1 < p.after.Int64 {
		return p.before + 1
	}
	return p.lowest - 1
}

// arrangeAll arranges a batch in several days.
func arrangeAll(ctx context.Context, tx *sql.Tx, days []metrics.Day, b *batchRow) error {
	for _, day := range days {
		if err := arrange(ctx, tx, day, b); err != nil {
			return err
		}
	}
	return nil
}

// endOfPlaces returns the place after the last one that is taken.
func endOfPlaces(ctx context.Context, tx *sql.Tx, day metrics.Day) (int64, error) {
	var end int64
	err := tx.QueryRowContext(ctx, "SELECT coalesce((SELECT place FROM arrivals WHERE day = ? ORDER BY place DESC LIMIT 1), -1) + 1", day).Scan(&end)
	return max(end, 0), err
}

// dropSpans deletes the spans of day ?1 that include place ?2. Those that are
// not summed again have lost their last place.
const dropSpans = "WITH levels(level) AS (" + spanLevels + ") DELETE FROM spans WHERE day = ?1 AND (level, no) IN (SELECT level, ?2 >> (?3 * level) FROM levels)"

// sumSpan sums a span from what is below it. A span of an entry that cannot be
// read cannot be read either.
func sumSpan(ctx context.Context, tx *sql.Tx, day metrics.Day, level, no int64) error {
	counts, subjects := []byte{}, []byte{}
	sum, err := belowSpan(ctx, tx, day, level, no)
	if err == nil {
		counts, err = sum.AppendPart(nil, metrics.SlotsPart())
	}
	if err == nil {
		subjects, err = sum.AppendPart(nil, metrics.SubjectsPart())
	}
	if err != nil && !errors.Is(err, metrics.ErrCorrupt) {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO spans(day, level, no, counts, subjects) VALUES(?, ?, ?, ?, ?)", day, level, no, counts, subjects)
	return err
}

// belowSpan returns the sum of the entries, or of the spans of the level below,
// that a span includes. Errors: metrics.ErrCorrupt.
func belowSpan(ctx context.Context, tx *sql.Tx, day metrics.Day, level, no int64) (metrics.Contribution, error) {
	from, end := no<<spanBits, (no+1)<<spanBits
	if level == 1 {
		return sumShares(ctx, tx, metrics.AllParts(),
			"SELECT counts, subjects FROM arrivals CROSS JOIN ledger USING (day, batch_id) WHERE day = ? AND place >= ? AND place < ?", day, from, end)
	}
	return sumShares(ctx, tx, metrics.AllParts(),
		"SELECT counts, subjects FROM spans WHERE day = ? AND level = ? AND no >= ? AND no < ?", day, level-1, from, end)
}

// sumShares sums rows of counts and subjects, each of the totals of a day.
// Errors: metrics.ErrCorrupt.
func sumShares(ctx context.Context, tx *sql.Tx, q metrics.Filter, query string, args ...any) (sum metrics.Contribution, _ error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var counts, subjects sql.RawBytes
		if err := rows.Scan(&counts, &subjects); err != nil {
			return nil, err
		}
		share, err := metrics.JoinParts(counts, subjects, q)
		if err != nil {
			return nil, err
		}
		sum = sum.Add(share)
	}
	return sum, rows.Err()
}

// orderDays gives the entries of days places again where too many have none in
// the order.
func (s *Store) orderDays(ctx context.Context) error {
	days, err := readDays(ctx, s.reader, `SELECT day FROM days WHERE
		(SELECT count(*) FROM (SELECT 1 FROM arrivals a WHERE a.day = days.day AND place < 0 LIMIT ?1)) = ?1`, maxLooseEntries+1)
	if err != nil {
		return err
	}
	for _, day := range days {
		if err := s.update(ctx, unsynced, func(tx *sql.Tx) error { return orderDay(ctx, tx, day) }); err != nil {
			return fmt.Errorf("order the entries of %v: %w", day, err)
		}
	}
	return nil
}

// orderDay gives all entries of a day places in the order of recording, and sums
// its spans.
func orderDay(ctx context.Context, tx *sql.Tx, day metrics.Day) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM spans WHERE day = ?1; DELETE FROM arrivals WHERE day = ?1;
		INSERT INTO arrivals(day, place, recorded, batch_id) SELECT day, row_number() OVER (ORDER BY recorded, batch_id) - 1, recorded, batch_id
			FROM (SELECT day, batch_id, `+recordedAt+` AS recorded FROM ledger WHERE day = ?1) WHERE recorded IS NOT NULL`, day)
	if err != nil {
		return err
	}
	end, err := endOfPlaces(ctx, tx, day)
	for level := int64(1); err == nil && end>>(spanBits*level) > 0; level++ {
		for no := int64(0); err == nil && no < end>>(spanBits*level); no++ {
			err = sumSpan(ctx, tx, day, level, no)
		}
	}
	return err
}

// recordedAt is when an entry of the ledger was recorded.
const recordedAt = `coalesce((SELECT recorded FROM batches WHERE id = batch_id), (SELECT recorded FROM archived WHERE id = batch_id))`
