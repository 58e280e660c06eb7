package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
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
	_, dsn := DSN(path)
	db, err := sql.Open("sqlite", dsn+"&mode=ro")
	if err != nil {
		return fmt.Errorf("sqlitestore: open %q: %w", path, err)
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
