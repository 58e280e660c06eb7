package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/store"
)

// SetStatus implements [store.Store].
func (s *Store) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, lastError string) error {
	args := append([]any{string(to), lastError, s.now().UnixMilli(), id}, statusArgs(from)...)
	err := s.update(ctx, synced, func(tx *sql.Tx) error {
		ok, err := changed(tx.ExecContext(ctx,
			"UPDATE batches SET status = ?, last_error = ?, updated = ? WHERE id = ? AND status IN ("+marks(len(from))+")", args...))
		if err != nil || ok {
			return err
		}
		if _, err := readBatch(ctx, tx, id); err != nil {
			return err
		}
		return store.ErrConflict
	})
	return wrap(ctx, err, "set status of batch %q to %s", id, to)
}

// Ping implements [store.Store]. It reads, and rolls back a write. Errors:
// store.ErrFull when there is no room for uploads.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.reader.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return wrap(ctx, err, "ping the reader")
	}
	s.emptyLogIfTight(ctx)
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return wrap(ctx, err, "ping the writer")
	}
	defer tx.Rollback() //nolint:errcheck // that is the plan
	_, err = tx.ExecContext(ctx, "INSERT INTO unfinished(batch_id, touched, attached) VALUES(NULL, 0, 0)")
	if err == nil {
		err = s.space.room(ctx, tx)
	}
	return wrap(ctx, fullOr(err), "ping the writer")
}
