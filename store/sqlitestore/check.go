package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

// DamageError means that what a file has is not what was written.
type DamageError struct {
	// Damages is what was found, at least one.
	Damages []store.Damage
}

// Error names the first damage and the number of all.
func (e *DamageError) Error() string {
	d := &e.Damages[0]
	text := "sqlitestore: the file is damaged: " + d.Part
	if d.BatchID != "" {
		text += ", batch " + d.BatchID
	}
	text += ": " + d.Err
	if n := len(e.Damages) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// Check reports whether the file at path is a database of a Store, of a version
// that this package can read or migrate, and not damaged as far as can be found
// before ctx ends: its structure, in at most half of the time, and if it is of the
// present version, what [Store.Inspect] checks. It does not change the file, which
// may be in use. Errors: fs.ErrNotExist; ErrVersion; *DamageError.
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
	if err := checkStructure(ctx, db); err != nil || m.version != schemaVersion {
		return err
	}
	damages, err := inspectAll(ctx, newStore(db, db, nil))
	switch {
	case len(damages) > 0:
		return &DamageError{damages}
	case ctx.Err() != nil: // a great file takes longer than anybody waits
		return nil
	}
	return err
}

func checkStructure(ctx context.Context, db *sql.DB) error {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	var verdict string
	err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return wrap(ctx, err, "check the file")
	case verdict != "ok":
		return &DamageError{[]store.Damage{{Part: partStructure, Err: verdict}}}
	}
	return nil
}

// inspectAll inspects all parts but the structure, until ctx ends.
func inspectAll(ctx context.Context, s *Store) (all []store.Damage, _ error) {
	for place := partBatches + "/"; place != ""; {
		in, err := s.Inspect(ctx, place)
		if err != nil {
			return all, err
		}
		all, place = append(all, in.Damages...), in.Next
	}
	return all, nil
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
