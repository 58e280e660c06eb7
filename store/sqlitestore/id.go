package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"hash/crc32"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// ID returns a random text that identifies the file, so that what belongs to it can
// be told from what belongs to another one. A copy of the file has the same one. It
// is as old as the file, or as its migration. Errors: metrics.ErrCorrupt.
func (s *Store) ID(ctx context.Context) (string, error) {
	var id string
	var sum uint32
	err := s.reader.QueryRowContext(ctx, "SELECT id, sum FROM deployment").Scan(&id, &sum)
	if isNoRows(err) || err == nil && crc32.ChecksumIEEE([]byte(id)) != sum {
		err = fmt.Errorf("%w: the id of the file is damaged", metrics.ErrCorrupt)
	}
	return id, wrap(ctx, err, "read the id of the file")
}

// giveID stores the id of a file.
func giveID(ctx context.Context, tx *sql.Tx) error {
	id := rand.Text()
	_, err := tx.ExecContext(ctx, "INSERT INTO deployment(id, sum) VALUES(?, ?)", id, crc32.ChecksumIEEE([]byte(id)))
	return err
}
