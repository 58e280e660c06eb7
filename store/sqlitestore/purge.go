package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// PurgeEvents implements [store.Retainer].
func (s *Store) PurgeEvents(ctx context.Context, id string) error {
	var seq int64
	err := s.update(ctx, synced, func(tx *sql.Tx) error {
		b, err := readBatch(ctx, tx, id)
		if err != nil {
			return err
		}
		if b.Status != store.Completed {
			return store.ErrConflict
		}
		if b.EventsPurged {
			return nil
		}
		if err := countUnpurged(ctx, tx, id, -1); err != nil {
			return err
		}
		b.EventsPurged, b.blocks, b.proof.blocks = true, 0, optionalSum{}
		if err := b.save(ctx, tx); err != nil {
			return err
		}
		seq = b.source
		return s.discard(ctx, tx, seq, false)
	})
	if err != nil {
		return wrap(ctx, err, "purge events of batch %q", id)
	}
	s.sweepLater(ctx, seq)
	return nil
}

// countUnpurged adds n to the number of unpurged batches of each day to which a
// batch contributes.
func countUnpurged(ctx context.Context, tx *sql.Tx, id string, n int) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO unpurged(day, batches) SELECT day, ?1 FROM ledger WHERE batch_id = ?2
		ON CONFLICT(day) DO UPDATE SET batches = batches + ?1`, n, id)
	return err
}

// UnpurgedDays implements [store.Retainer].
func (s *Store) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	first, last := daysOf(&metrics.Filter{From: from, To: to})
	days, err := readDays(ctx, s.reader, "SELECT day FROM unpurged WHERE batches > 0 AND day BETWEEN ? AND ? ORDER BY day", first, last)
	return days, wrap(ctx, err, "read which days are not purged")
}
