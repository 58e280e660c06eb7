package sqlitestore

import (
	"context"
	"database/sql"
)

// nameTablesPlainly migrates a file of version 3 to 4: tables and columns have
// other names, and the pending contributions, which were attachments, a table.
func nameTablesPlainly(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `
ALTER TABLE remainders RENAME TO unfinished;
ALTER TABLE forgotten RENAME TO archived;
ALTER TABLE unsealed RENAME TO unpurged;
ALTER TABLE prints RENAME TO fingerprints;
DROP INDEX prints_by_last;
CREATE UNIQUE INDEX fingerprints_by_last ON fingerprints(level, last);
ALTER TABLE batches RENAME COLUMN events TO accepted;
ALTER TABLE batches RENAME COLUMN failed TO rejected;
ALTER TABLE batches RENAME COLUMN cause TO last_error;
ALTER TABLE batches RENAME COLUMN repairs TO repair_of;
ALTER TABLE batches RENAME COLUMN sealed TO purged;
CREATE TABLE pending (
	seq  INTEGER PRIMARY KEY,
	data BLOB NOT NULL
);`)
	if err != nil {
		return err
	}
	for {
		var seq int64
		err := tx.QueryRowContext(ctx, "SELECT seq FROM attachments WHERE name = 'contribution' LIMIT 1").Scan(&seq)
		if isNoRows(err) {
			return nil
		}
		if err == nil {
			err = movePending(ctx, tx, seq)
		}
		if err != nil {
			return err
		}
	}
}

// movePending moves the pending contribution of a batch, if it is one and not an
// unfinished upload.
func movePending(ctx context.Context, tx *sql.Tx, seq int64) error {
	rows, err := tx.QueryContext(ctx, "SELECT data FROM attachments WHERE seq = ? AND name = 'contribution' ORDER BY no", seq)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var text []byte
	for rows.Next() {
		var chunk sql.RawBytes
		if err := rows.Scan(&chunk); err != nil {
			return err
		}
		text = append(text, chunk...)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO pending(seq, data) SELECT seq, ?2 FROM batches WHERE seq = ?1;
		DELETE FROM attachments WHERE seq = ?1 AND name = 'contribution'`, seq, text)
	return err
}
