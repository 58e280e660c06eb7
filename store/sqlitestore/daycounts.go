package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// heldBytes is the size of the days that DayCounts reads at once, before it
// yields the first of them. So a slow caller holds no connection.
const heldBytes = 4 << 20

// DayCounts implements [store.Store]. The days that it reads at once, of 4 MiB or
// all, are of one state of the database.
func (s *Store) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return func(yield func(metrics.DayCount, error) bool) {
		r := dayReader{q: q, yield: yield}
		r.from, r.to = daysOf(&q)
		read := r.readSums
		switch {
		case q.Ledger:
			read = r.readLedger
		case !q.AsOf.IsZero():
			read = r.readAsOf
		}
		for more := true; more; {
			err := s.view(ctx, func(tx *sql.Tx) error { return read(ctx, tx) })
			more = r.full()
			if err == nil {
				err = r.flush(ctx)
			}
			if errors.Is(err, errStopped) {
				return
			}
			if err != nil {
				yield(metrics.DayCount{}, wrap(ctx, err, "read daily metrics"))
				return
			}
		}
	}
}

// errStopped means that the caller has left the range.
var errStopped = errors.New("sqlitestore: the range has ended")

// dayReader holds days that are read and not yielded yet.
type dayReader struct {
	q        metrics.Filter
	from, to int64 // the days to read
	yield    func(metrics.DayCount, error) bool
	days     []heldDay
	size     int
}

// heldDay is a day that is decoded when it is yielded.
type heldDay struct {
	day                      metrics.Day
	counts, subjects, groups []byte
	merged                   metrics.Contribution // replaces subjects where they are out of date, which is nil
	sum                      metrics.Contribution // replaces all of the above where counts are nil
}

// hold adds a day, after which the days to read begin.
func (r *dayReader) hold(d heldDay, size int) {
	r.days = append(r.days, d)
	r.size += size
	r.from = int64(d.day) + 1
}

// full reports whether to yield the days before more are read.
func (r *dayReader) full() bool { return r.size >= heldBytes }

// flush yields the days. Errors: errStopped.
func (r *dayReader) flush(ctx context.Context) error {
	for i := range r.days {
		err := r.days[i].each(r.q, func(d metrics.DayCount) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !r.yield(d, nil) {
				return errStopped
			}
			return nil
		})
		if errors.Is(err, metrics.ErrCorrupt) {
			err = fmt.Errorf("%v: %w", r.days[i].day, err)
		}
		if err != nil {
			return err
		}
		r.days[i] = heldDay{}
	}
	r.days, r.size = r.days[:0], 0
	return nil
}

// each passes on the totals, each with its groups. A day may have very many
// groups, so they are decoded one by one.
func (d *heldDay) each(q metrics.Filter, yield func(metrics.DayCount) error) error {
	totals := d.sum
	if d.counts != nil {
		var err error
		if totals, err = d.totals(q); err != nil {
			return err
		}
	}
	if d.groups != nil {
		for group, err := range metrics.DecodeEach(d.groups, q) {
			if err != nil {
				return err
			}
			for len(totals) > 0 && totals[0].Compare(&group) < 0 {
				if err := yield(totals[0]); err != nil {
					return err
				}
				totals = totals[1:]
			}
			if err := yield(group); err != nil {
				return err
			}
		}
	}
	for _, total := range totals {
		if err := yield(total); err != nil {
			return err
		}
	}
	return nil
}

func (d *heldDay) totals(q metrics.Filter) (metrics.Contribution, error) {
	if !q.Subjects || d.subjects != nil {
		return metrics.JoinParts(d.counts, d.subjects, q)
	}
	q.Subjects = false
	c, err := metrics.DecodeContribution(d.counts, q)
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(c, d.merged, func(x, y metrics.DayCount) bool { return x.Compare(&y) == 0 }) {
		return nil, fmt.Errorf("%w: sum and ledger differ", metrics.ErrCorrupt)
	}
	for i := range c {
		c[i].Subjects = d.merged[i].Subjects
	}
	return c, nil
}

// readSums reads the sums that are kept of days.
func (r *dayReader) readSums(ctx context.Context, tx *sql.Tx) error {
	return r.readSumsUntil(ctx, tx, r.to)
}

func (r *dayReader) readSumsUntil(ctx context.Context, tx *sql.Tx, last int64) error {
	rows, err := tx.QueryContext(ctx, r.statement(), r.from, last)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for !r.full() && rows.Next() {
		var d heldDay
		if err := rows.Scan(&d.day, &d.counts, &d.subjects, &d.groups); err != nil {
			return err
		}
		if r.q.Subjects && d.subjects == nil {
			if d.merged, err = mergeSubjects(ctx, tx, d.day, r.q.Types); err != nil {
				return err
			}
		}
		r.hold(d, len(d.counts)+len(d.subjects)+len(d.groups))
	}
	return rows.Err()
}

// statement reads no more than the query asks for.
func (r *dayReader) statement() string {
	groups, join := "NULL", ""
	if r.q.Groups {
		groups, join = "groups", " LEFT JOIN day_groups USING (day)"
	}
	table, counts, subjects := "days", "totals", "NULL"
	if r.q.Slots || r.q.Subjects {
		table, counts = "details", "slots"
	}
	if r.q.Subjects {
		subjects = "subjects"
	}
	return "SELECT day, " + counts + ", " + subjects + ", " + groups + " FROM " + table + join + " WHERE day BETWEEN ? AND ? ORDER BY day"
}

// daysOf returns the first and last day of a query.
func daysOf(q *metrics.Filter) (from, to int64) {
	from, to = int64(math.MinInt32), int64(math.MaxInt32)
	if q.From != 0 {
		from = int64(q.From)
	}
	if q.To != 0 {
		to = int64(q.To)
	}
	return from, to
}
