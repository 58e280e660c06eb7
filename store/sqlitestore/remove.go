package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const (
	// blockBits is the part of a block's id that is its place in the batch.
	blockBits = 24
	// sweepBlocks and sweepChunks bound what one transaction deletes.
	sweepBlocks = 64
	sweepChunks = 16
)

// DeleteBatch implements [store.Store]. One transaction removes the batch and
// its contribution; short ones then remove the blocks. Prune removes what a
// crash leaves of them.
func (s *Store) DeleteBatch(ctx context.Context, id string) error {
	var gone batchRow
	var days []metrics.Day
	err := s.update(ctx, synced, func(tx *sql.Tx) (err error) {
		if gone, err = readRow(ctx, tx, id); err != nil { // also a damaged one
			return err
		}
		days, err = s.remove(ctx, tx, &gone)
		return err
	})
	if err != nil {
		return wrap(ctx, err, "delete batch %q", id)
	}
	s.sweepBatch(ctx, &gone)
	s.healLater(ctx, days)
	return nil
}

// remove removes a batch and its contribution and returns the days to which it
// contributed.
func (s *Store) remove(ctx context.Context, tx *sql.Tx, b *batchRow) ([]metrics.Day, error) {
	if _, err := tx.ExecContext(ctx, "DELETE FROM batches WHERE seq = ?", b.seq); err != nil {
		return nil, err
	}
	days, err := withdraw(ctx, tx, b)
	if err != nil {
		return nil, err
	}
	if err := arrangeAll(ctx, tx, days, b); err != nil {
		return nil, err
	}
	if err := free(ctx, tx, b.seq); err != nil {
		return nil, err
	}
	return days, s.discardBatch(ctx, tx, b)
}

// discardBatch removes the keys of a batch, and leaves its blocks and attachments
// to sweepBatch.
func (s *Store) discardBatch(ctx context.Context, tx *sql.Tx, b *batchRow) error {
	if err := deletePending(ctx, tx, b.seq); err != nil {
		return err
	}
	if err := freeKeys(ctx, tx, b.seq); err != nil {
		return err
	}
	if b.source != b.seq {
		if err := s.discard(ctx, tx, b.source, false); err != nil {
			return err
		}
	}
	return s.discard(ctx, tx, b.seq, true)
}

func (s *Store) sweepBatch(ctx context.Context, b *batchRow) {
	if b.source != b.seq {
		s.sweepLater(ctx, b.source)
	}
	s.sweepLater(ctx, b.seq)
}

// discard leaves the blocks of a batch, and its attachments if asked, to
// sweep.
func (s *Store) discard(ctx context.Context, tx *sql.Tx, seq int64, attached bool) error {
	_, err := tx.ExecContext(ctx,
		"INSERT OR REPLACE INTO unfinished(seq, batch_id, touched, attached) VALUES(?, NULL, ?, ?)",
		seq, s.now().UnixMilli(), attached)
	return err
}

// sweepLater sweeps what a committed transaction has discarded. Failing to
// sweep is not an error of the caller.
func (s *Store) sweepLater(ctx context.Context, seq int64) {
	if seq == 0 {
		return
	}
	if err := s.giveBack(ctx, leftover{seq: seq}); err != nil {
		s.log.Warn("left discarded blocks for the next upload", "err", err)
	}
}

// sweep deletes the blocks and attachments of a discarded batch in short
// transactions. It does nothing to a batch that is not discarded.
func (s *Store) sweep(ctx context.Context, seq int64) error {
	for more := true; more; {
		blocks, chunks := sweepBlocks, sweepChunks
		if s.space.tight() { // the log has what is overwritten
			s.emptyLogIfTight(ctx)
			blocks, chunks = 1, 1
		}
		err := s.update(ctx, unsynced, func(tx *sql.Tx) (err error) {
			more, err = sweepSome(ctx, tx, seq, blocks, chunks)
			return err
		})
		if err != nil {
			return wrap(ctx, err, "delete blocks")
		}
	}
	return nil
}

// sweepSome deletes a part. A batch that is there keeps what it has, so that a
// damaged number in unfinished deletes nothing.
func sweepSome(ctx context.Context, tx *sql.Tx, seq int64, blocks, chunks int) (more bool, err error) {
	more, err = changed(tx.ExecContext(ctx,
		`DELETE FROM blocks WHERE id IN (SELECT id FROM blocks WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)
		AND EXISTS(SELECT 1 FROM unfinished WHERE seq = ?4 AND batch_id IS NULL)
		AND NOT EXISTS(SELECT 1 FROM batches WHERE source = ?4 AND NOT purged)`,
		seq<<blockBits, (seq+1)<<blockBits, blocks, seq))
	if more || err != nil {
		return more, err
	}
	more, err = changed(tx.ExecContext(ctx, `DELETE FROM attachments
		WHERE seq = ?1 AND (name, no) IN (SELECT name, no FROM attachments WHERE seq = ?1 ORDER BY name, no LIMIT ?2)
		AND (SELECT attached FROM unfinished WHERE seq = ?1 AND batch_id IS NULL) AND NOT EXISTS(SELECT 1 FROM batches WHERE seq = ?1)`, seq, chunks))
	if more || err != nil {
		return more, err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM unfinished WHERE seq = ? AND batch_id IS NULL", seq)
	return false, err
}

// Prune implements [store.Store]. It also finishes interrupted removals.
func (s *Store) Prune(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
	var p store.Pruned
	before := millisUp(q.Before)
	if q.DryRun {
		err := s.view(ctx, func(tx *sql.Tx) error { return countOld(ctx, tx, before, &p) })
		return p, wrap(ctx, err, "count what is old")
	}
	if err := s.pruneBatches(ctx, before, &p); err != nil {
		return p, wrap(ctx, err, "prune batches")
	}
	if err := s.pruneUnfinished(ctx, before, &p); err != nil {
		return p, wrap(ctx, err, "prune unfinished")
	}
	if err := s.sweepClaims(ctx); err != nil {
		return p, wrap(ctx, err, "prune claims")
	}
	if err := s.pruneKeys(ctx, before); err != nil {
		return p, wrap(ctx, err, "prune keys")
	}
	err := s.heal(ctx, nil)
	if err == nil {
		err = s.orderDays(ctx)
	}
	if err == nil {
		err = s.tryEmptyLog(ctx) // a reader may have kept it from starting again
	}
	return p, wrap(ctx, err, "prune")
}

const (
	oldBatches    = " FROM batches WHERE status = 'uploaded' AND created < ?"
	oldUnfinished = " FROM unfinished WHERE batch_id IS NOT NULL AND touched < ?"
)

func countOld(ctx context.Context, tx *sql.Tx, before int64, p *store.Pruned) error {
	err := tx.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(accepted - erased), 0)"+oldBatches, before).Scan(&p.Batches, &p.Events)
	if err != nil {
		return err
	}
	return tx.QueryRowContext(ctx, "SELECT count(*)"+oldUnfinished, before).Scan(&p.Unfinished)
}

// pruneBatches removes each batch in a transaction of its own, which checks
// that the batch is still to be pruned. A damaged batch stays: it may be another
// one, or not old.
func (s *Store) pruneBatches(ctx context.Context, before int64, p *store.Pruned) error {
	for last := int64(0); ; {
		var gone batchRow
		var days []metrics.Day
		err := s.update(ctx, synced, func(tx *sql.Tx) error {
			var id string
			err := tx.QueryRowContext(ctx, "SELECT id, seq"+oldBatches+" AND seq > ? ORDER BY seq LIMIT 1", before, last).Scan(&id, &last)
			if err != nil {
				return err
			}
			if gone, err = readBatch(ctx, tx, id); err != nil {
				return err
			}
			days, err = s.remove(ctx, tx, &gone)
			return err
		})
		switch {
		case isNoRows(err):
			return nil
		case isDamaged(err):
			s.log.Warn("left damaged batch to the audit", "err", err)
			continue
		case err != nil:
			return err
		}
		p.Batches++
		p.Events += gone.Events()
		s.sweepBatch(ctx, &gone)
		s.healLater(ctx, days)
	}
}

// pruneUnfinished takes old unfinished uploads from their writers, and sweeps
// them and all that was discarded earlier.
func (s *Store) pruneUnfinished(ctx context.Context, before int64, p *store.Pruned) error {
	err := s.update(ctx, synced, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO freed SELECT seq"+oldUnfinished+" AND EXISTS(SELECT 1 FROM levels)", before)
		if err != nil {
			return err
		}
		r, err := tx.ExecContext(ctx, "UPDATE unfinished SET batch_id = NULL, attached = 1 WHERE batch_id IS NOT NULL AND touched < ?", before)
		if err != nil {
			return err
		}
		p.Unfinished, err = r.RowsAffected()
		return err
	})
	if err != nil {
		return err
	}
	return s.sweepDiscarded(ctx)
}

// sweepDiscarded sweeps all that was discarded and is still there.
func (s *Store) sweepDiscarded(ctx context.Context) error {
	for {
		var seq int64
		err := s.reader.QueryRowContext(ctx, "SELECT seq FROM unfinished WHERE batch_id IS NULL LIMIT 1").Scan(&seq)
		if isNoRows(err) {
			return nil
		}
		if err == nil {
			err = s.sweep(ctx, seq)
		}
		if err != nil {
			return err
		}
	}
}
