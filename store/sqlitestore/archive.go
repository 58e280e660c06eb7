package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/store"
)

// Archive implements [store.Retainer]. The ledger has the batch by its id and
// does not change; the table archived has what else is needed of it.
func (s *Store) Archive(ctx context.Context, id string) error {
	var gone batchRow
	err := s.update(ctx, synced, func(tx *sql.Tx) error {
		b, err := readBatch(ctx, tx, id)
		if err != nil {
			return err
		}
		if b.Status != store.Completed || !b.EventsPurged {
			return store.ErrConflict
		}
		kept := proof{entry: b.proof.entry}
		_, err = tx.ExecContext(ctx, `INSERT INTO archived(seq, id, recorded, proof) VALUES(?1, ?2, ?3, ?4);
			DELETE FROM batches WHERE seq = ?1`, b.seq, b.ID, b.recorded, kept.seal(archivedBytes(b.seq, b.ID, b.recorded)))
		if err != nil {
			return err
		}
		gone = b
		return s.discardBatch(ctx, tx, &b)
	})
	if err != nil {
		return wrap(ctx, err, "archive batch %q", id)
	}
	s.sweepBatch(ctx, &gone)
	return nil
}
