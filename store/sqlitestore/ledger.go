package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Record implements [store.Store].
func (s *Store) Record(ctx context.Context, id string, c metrics.Contribution) error {
	err := s.share(ctx, synced, func(tx *sql.Tx) error {
		b, err := readBatch(ctx, tx, id)
		if err != nil || b.recorded.Valid {
			return err
		}
		if err := deletePending(ctx, tx, b.seq); err != nil {
			return err
		}
		b.recorded, b.proof.pending = sql.NullInt64{Int64: s.now().UnixMilli(), Valid: true}, optionalSum{}
		return enter(ctx, tx, &b, c)
	})
	return wrap(ctx, err, "record batch %q", id)
}

// enter adds a contribution to the ledger and to the sums, and saves the batch.
func enter(ctx context.Context, tx *sql.Tx, b *batchRow, c metrics.Contribution) error {
	b.proof.entry = optionalSum{kept: true}
	for day, share := range c.WithEvents().Days() {
		counts, err := share.AppendPart(nil, metrics.SlotsPart())
		if err != nil {
			return err
		}
		subjects, err := share.AppendPart(nil, metrics.SubjectsPart())
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO ledger(day, batch_id, counts, subjects) VALUES(?, ?, ?, ?)", day, b.ID, counts, subjects)
		if err != nil {
			return err
		}
		if err := addToDay(ctx, tx, day, share.Totals()); err != nil {
			return err
		}
		groups, err := enterGroups(ctx, tx, day, b.ID, share.Groups())
		if err != nil {
			return err
		}
		b.proof.entry.addShare(day, counts, subjects, groups)
		if err := arrange(ctx, tx, day, b); err != nil {
			return err
		}
	}
	if err := b.save(ctx, tx); err != nil {
		return err
	}
	if b.EventsPurged {
		return nil
	}
	return countUnpurged(ctx, tx, b.ID, 1)
}

// withdraw takes the contribution of a batch, if there is one, out of the
// ledger and the sums, and returns its days. Their subjects are out of date
// afterwards, and the batch is to be arranged in them.
func withdraw(ctx context.Context, tx *sql.Tx, b *batchRow) ([]metrics.Day, error) {
	if !b.EventsPurged {
		if err := countUnpurged(ctx, tx, b.ID, -1); err != nil {
			return nil, err
		}
	}
	shares, err := ledgerOf(ctx, tx, b.ID, metrics.SlotsPart())
	if err != nil {
		return nil, err
	}
	var days []metrics.Day
	for day, share := range shares.Days() {
		if err := takeFromDay(ctx, tx, day, share); err != nil {
			return nil, err
		}
		days = append(days, day)
	}
	if _, err = tx.ExecContext(ctx, "DELETE FROM ledger WHERE batch_id = ?", b.ID); err != nil {
		return nil, err
	}
	return days, withdrawGroups(ctx, tx, b.ID)
}

// ledgerOf returns the totals of a batch in the ledger, with the parts that q
// asks for.
func ledgerOf(ctx context.Context, tx *sql.Tx, id string, q metrics.Filter) (metrics.Contribution, error) {
	rows, err := tx.QueryContext(ctx, "SELECT day, counts, CASE WHEN ? THEN subjects END FROM ledger WHERE batch_id = ? ORDER BY day", q.Subjects, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var all metrics.Contribution
	for rows.Next() {
		var day metrics.Day
		var counts, subjects []byte
		if err := rows.Scan(&day, &counts, &subjects); err != nil {
			return nil, err
		}
		share, err := metrics.JoinParts(counts, subjects, q)
		if err != nil {
			return nil, fmt.Errorf("ledger of %v: %w", day, err)
		}
		all = append(all, share...)
	}
	return all, rows.Err()
}

// addShare adds what the ledger has for a day.
func (o *optionalSum) addShare(day metrics.Day, counts, subjects, groups []byte) {
	o.add(binary.LittleEndian.AppendUint64(nil, uint64(day)), counts, subjects, groups)
}

// checkEntry compares the rows of a batch in the ledger with those that were
// entered. Errors: metrics.ErrCorrupt.
func checkEntry(ctx context.Context, tx *sql.Tx, id string, entry *optionalSum) error {
	if !entry.kept {
		return nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT day, counts, subjects, "+shareGroups+" FROM ledger WHERE batch_id = ? ORDER BY day", id)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	got := optionalSum{kept: true}
	for rows.Next() {
		var day metrics.Day
		var counts, subjects, groups sql.RawBytes
		if err := rows.Scan(&day, &counts, &subjects, &groups); err != nil {
			return err
		}
		got.addShare(day, counts, subjects, groups)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return entry.check(got, "the ledger entry")
}

// Contribution implements [store.Auditor].
func (s *Store) Contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	var c metrics.Contribution
	err := s.view(ctx, func(tx *sql.Tx) error {
		b, err := recorded(ctx, tx, id)
		if err == nil {
			err = checkEntry(ctx, tx, id, &b.proof.entry)
		}
		if err != nil {
			return err
		}
		totals, err := ledgerOf(ctx, tx, id, metrics.Filter{Slots: true, Subjects: true})
		if err != nil {
			return err
		}
		groups, err := ledgerGroups(ctx, tx, id)
		c = totals.WithGroups(groups)
		return err
	})
	return c, wrap(ctx, err, "read contribution of batch %q", id)
}

// Amend implements [store.Auditor].
func (s *Store) Amend(ctx context.Context, id string, c metrics.Contribution) error {
	var days []metrics.Day
	err := s.update(ctx, synced, func(tx *sql.Tx) error {
		b, err := recorded(ctx, tx, id)
		if err != nil {
			return err
		}
		if days, err = withdraw(ctx, tx, b); err != nil {
			return err
		}
		if err := enter(ctx, tx, b, c); err != nil {
			return err
		}
		return arrangeAll(ctx, tx, days, b)
	})
	if err != nil {
		return wrap(ctx, err, "amend batch %q", id)
	}
	s.healLater(ctx, days)
	return nil
}

// recorded reads a batch that has a contribution. Errors: store.ErrNotFound.
func recorded(ctx context.Context, tx *sql.Tx, id string) (*batchRow, error) {
	b, err := readBatch(ctx, tx, id)
	if err == nil && !b.recorded.Valid {
		err = store.ErrNotFound
	}
	return &b, err
}
