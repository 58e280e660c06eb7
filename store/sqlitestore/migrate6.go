package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"hash/crc32"
)

// addID migrates a file of version 5 to 6: the file has an id.
func addID(ctx context.Context, tx *sql.Tx) error {
	id := rand.Text()
	_, err := tx.ExecContext(ctx, `
CREATE TABLE deployment (
	id  TEXT NOT NULL,
	sum INTEGER NOT NULL
);
INSERT INTO deployment(id, sum) VALUES(?, ?)`, id, crc32.ChecksumIEEE([]byte(id)))
	return err
}
