package sqlitestore

import (
	"context"
	"database/sql"
)

// addKeys migrates a file of version 6 to 7: batches can have further idempotency
// keys.
func addKeys(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `
CREATE TABLE keys (
	key     TEXT PRIMARY KEY,
	seq     INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	sum     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX keys_by_batch ON keys(seq)`)
	return err
}
