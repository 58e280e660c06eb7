package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Check reports whether the file at path is a database of a Store, of a version
// that this package can read or migrate, and not damaged as far as can be found
// before ctx ends. It does not change the file, which may be in use. Errors:
// fs.ErrNotExist; ErrVersion.
func Check(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("sqlitestore: %w", err)
	}
	db, err := openReadOnly(path)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // it was only read
	m, err := readMarks(ctx, db)
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return wrap(ctx, err, "read the file")
	}
	var verdict string
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	switch {
	case ctx.Err() != nil: // a great file takes longer than anybody waits
		return nil
	case err != nil:
		return wrap(ctx, err, "check the file")
	case verdict != "ok":
		return fmt.Errorf("sqlitestore: the file is damaged: %s", verdict)
	}
	return nil
}

func openReadOnly(path string) (*sql.DB, error) {
	_, dsn := DSN(path)
	db, err := sql.Open("sqlite", dsn+"&mode=ro")
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: open %q: %w", path, err)
	}
	return db, nil
}

// Unused reports whether there is no file at path, or one that never had a
// batch. It does not change the file. Errors: ErrVersion.
func Unused(ctx context.Context, path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 && !hasLog(path) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("sqlitestore: %w", err)
	}
	db, err := openReadOnly(path)
	if err != nil {
		return false, err
	}
	defer db.Close() //nolint:errcheck // it was only read
	m, err := readMarks(ctx, db)
	if err != nil || m.isNew() {
		return m.isNew(), wrap(ctx, err, "read the file")
	}
	if err := m.check(); err != nil {
		return false, wrap(ctx, err, "read the file")
	}
	// Each batch takes a number from the sequence.
	var used bool
	err = db.QueryRowContext(ctx, "SELECT EXISTS(SELECT 1 FROM sqlite_sequence WHERE seq > 0)").Scan(&used)
	return !used, wrap(ctx, err, "read the file")
}

// hasLog reports whether the file has a log with content.
func hasLog(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > 0
}
