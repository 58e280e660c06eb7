package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// dailyHeld is the size of encoded days up to which DayCount reads all of them
// before it yields the first, so that a slow caller holds no connection.
const dailyHeld = 8 << 20

// DayCounts implements [store.Store]. All of it comes from one state of the
// database.
func (s *Store) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	if !q.AsOf.IsZero() {
		return s.dailyAsOf(ctx, q)
	}
	return func(yield func(metrics.DayCount, error) bool) {
		r := dayReader{q: q, yield: yield}
		err := s.view(ctx, func(tx *sql.Tx) error { return r.read(ctx, tx) })
		if err == nil && !r.stopped {
			err = r.flush(ctx)
		}
		if err != nil && !r.stopped {
			yield(metrics.DayCount{}, wrap(ctx, err, "read daily metrics"))
		}
	}
}

// dayReader holds days that are not yielded yet.
type dayReader struct {
	q       metrics.Filter
	yield   func(metrics.DayCount, error) bool
	days    []encodedDay
	held    int
	stopped bool
}

type encodedDay struct {
	day              metrics.Day
	counts, subjects []byte
	groups           []byte
	merged           metrics.Contribution // instead of subjects that are out of date
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

func (r *dayReader) read(ctx context.Context, tx *sql.Tx) error {
	from, to := daysOf(&r.q)
	rows, err := tx.QueryContext(ctx, r.statement(), from, to)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var d encodedDay
		if err := rows.Scan(&d.day, &d.counts, &d.subjects, &d.groups); err != nil {
			return err
		}
		if r.q.Subjects && d.subjects == nil {
			if d.merged, err = mergeSubjects(ctx, tx, d.day, r.q.Types); err != nil {
				return err
			}
		}
		r.days = append(r.days, d)
		if r.held += len(d.counts) + len(d.subjects) + len(d.groups); r.held > dailyHeld {
			if err := r.flush(ctx); err != nil || r.stopped {
				return err
			}
		}
	}
	return rows.Err()
}

// flush yields the days that are held.
func (r *dayReader) flush(ctx context.Context) error {
	for i := range r.days {
		c, err := r.days[i].decode(r.q)
		if err != nil {
			return fmt.Errorf("%v: %w", r.days[i].day, err)
		}
		for _, daily := range c {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !r.yield(daily, nil) {
				r.stopped = true
				return nil
			}
		}
	}
	r.days, r.held = r.days[:0], 0
	return nil
}

func (d *encodedDay) decode(q metrics.Filter) (metrics.Contribution, error) {
	totals, err := d.totals(q)
	if err != nil || d.groups == nil {
		return totals, err
	}
	groups, err := metrics.DecodeContribution(d.groups, q)
	return totals.WithGroups(groups), err
}

func (d *encodedDay) totals(q metrics.Filter) (metrics.Contribution, error) {
	if d.merged == nil {
		return metrics.JoinParts(d.counts, d.subjects, q)
	}
	withoutSubjects := q
	withoutSubjects.Subjects = false
	c, err := metrics.DecodeContribution(d.counts, withoutSubjects)
	if err != nil {
		return nil, err
	}
	if len(d.merged) != len(c) {
		return nil, fmt.Errorf("%w: sum and ledger differ", metrics.ErrCorrupt)
	}
	for i := range c {
		c[i].Subjects = d.merged[i].Subjects
	}
	return c, nil
}

// Explain implements [store.Explainer]. It reads the ledger of one day in the
// order of its key.
func (s *Store) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return func(yield func(store.Share, error) bool) {
		stopped := false
		err := s.view(ctx, func(tx *sql.Tx) error {
			return explain(ctx, tx, day, eventType, func(share store.Share) bool {
				stopped = !yield(share, nil)
				return !stopped
			})
		})
		if err != nil && !stopped {
			yield(store.Share{}, wrap(ctx, err, "explain %v", day))
		}
	}
}

func explain(ctx context.Context, tx *sql.Tx, day metrics.Day, eventType string, yield func(store.Share) bool) error {
	rows, err := tx.QueryContext(ctx, "SELECT batch_id, counts FROM ledger WHERE day = ? ORDER BY batch_id", day)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var id string
		var counts sql.RawBytes
		if err := rows.Scan(&id, &counts); err != nil {
			return err
		}
		share, err := metrics.DecodeContribution(counts, metrics.Filter{Types: []string{eventType}})
		if err != nil {
			return fmt.Errorf("ledger of batch %q: %w", id, err)
		}
		if len(share) > 0 && !yield(store.Share{BatchID: id, Count: share[0].Count}) {
			return nil
		}
	}
	return rows.Err()
}
