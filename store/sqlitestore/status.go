package sqlitestore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/eventmetrics/eventmetrics/store"
)

// SetStatus implements [store.Store].
func (s *Store) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, lastError string) error {
	err := s.share(ctx, synced, func(tx *sql.Tx) error {
		b, err := readBatch(ctx, tx, id)
		if err != nil {
			return err
		}
		if !slices.Contains(from, b.Status) {
			return store.ErrConflict
		}
		b.Status, b.LastError, b.Updated = to, lastError, s.now()
		return b.save(ctx, tx)
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
	return wrap(ctx, err, "ping the writer")
}
