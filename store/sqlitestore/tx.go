package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/eventmetrics/eventmetrics/store"
)

// durability is what a committed transaction survives.
type durability string

const (
	// synced survives a loss of power.
	synced durability = "FULL"
	// unsynced survives the loss of the process, and becomes synced with the
	// next synced transaction.
	unsynced durability = "NORMAL"
)

// update runs f in a write transaction.
func (s *Store) update(ctx context.Context, d durability, f func(tx *sql.Tx) error) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // returns the connection to its pool
	// A transaction cannot change it, and the connection may be a new one.
	if _, err := conn.ExecContext(ctx, "PRAGMA synchronous="+string(d)); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// view runs f in a read transaction, which sees one state of the database.
func (s *Store) view(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it has only read
	return f(tx)
}

// wrap adds what was tried, and the error of an ended ctx, which the driver may
// hide. Errors: store.ErrUnavailable, store.ErrFull.
func wrap(ctx context.Context, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	ended := ctx.Err()
	switch {
	case ended == nil:
		err = markUnavailable(err)
	case !errors.Is(err, ended):
		err = fmt.Errorf("%w: %w", ended, err)
	}
	return fmt.Errorf("sqlitestore: %s: %w", fmt.Sprintf(format, args...), err)
}

// markUnavailable makes an error a store.ErrFull if there is no disk space left,
// and a store.ErrUnavailable if the file could not be opened, read or written, or
// was locked for too long: the same call may succeed later.
func markUnavailable(err error) error {
	failed, ok := errors.AsType[*sqlite.Error](err)
	if !ok || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	switch failed.Code() {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	switch failed.Code() & 0xff { // the rest of the code is a detail
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// changed reports whether a statement changed rows.
func changed(r sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// marks returns n question marks for an IN list.
func marks(n int) string {
	return strings.TrimSuffix(strings.Repeat("?,", n), ",")
}
