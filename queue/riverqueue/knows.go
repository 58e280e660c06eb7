package riverqueue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Knows reports whether the queue that [Open] made at path has a job of a kind,
// in any state. It changes nothing. Without a file there is no job.
func Knows(ctx context.Context, path, kind string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("riverqueue: %w", err)
	}
	dsn, err := DSN(path)
	if err != nil {
		return false, err
	}
	db, err := sql.Open("sqlite", readOnly(dsn))
	if err != nil {
		return false, fmt.Errorf("riverqueue: open %q: %w", path, err)
	}
	defer db.Close() //nolint:errcheck // it was only read
	var tables, known bool
	err = db.QueryRowContext(ctx, "SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE name = 'river_job')").Scan(&tables)
	if err == nil && tables {
		err = db.QueryRowContext(ctx, "SELECT EXISTS(SELECT 1 FROM river_job WHERE kind = ? AND json_extract(args, '$.kind') = ?)", Kind, kind).Scan(&known)
	}
	if err != nil {
		return false, fmt.Errorf("riverqueue: look for jobs of kind %s: %w", kind, err)
	}
	return known, nil
}
