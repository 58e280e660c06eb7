package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

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

// update runs f in a write transaction of its own.
func (s *Store) update(ctx context.Context, d durability, f func(tx *sql.Tx) error) error {
	return s.write(&turn{ctx: ctx, durability: d, f: f})
}

// share runs f in a write transaction, which may be that of other calls too: they
// wait for the disk together. If the transaction fails, f runs again in one of its
// own, so it must be safe to repeat. The error of one call has no effect on others.
func (s *Store) share(ctx context.Context, d durability, f func(tx *sql.Tx) error) error {
	return s.write(&turn{ctx: ctx, durability: d, f: f, shared: true})
}

func (s *Store) write(t *turn) error {
	t.wake = make(chan struct{})
	leads, err := s.turns.enter(t)
	if !leads {
		return err
	}
	taken, rest := s.turns.take(), 0
	defer func() { s.turns.end(taken, rest) }()
	rest = s.run(taken)
	return t.err
}

// run runs turns and returns how many of the last it has left.
func (s *Store) run(taken []*turn) (rest int) {
	if len(taken) > 1 {
		n, err := s.together(taken)
		if err == nil {
			return len(taken) - n
		}
	}
	for _, t := range taken {
		t.err = s.transact(t.ctx, t.durability, t.f)
	}
	return 0
}

// sharedTime is how long calls run in a transaction before the others wait for the
// next one.
const sharedTime = 10 * time.Millisecond

// together runs turns in one transaction, each after a savepoint of its own, and returns how
// many it has run. With an error it has run none.
func (s *Store) together(taken []*turn) (n int, _ error) {
	d := taken[0].durability
	for _, t := range taken {
		if t.durability == synced {
			d = synced
		}
	}
	ctx, start := context.Background(), time.Now() // no turn ends those of others
	err := s.transact(ctx, d, func(tx *sql.Tx) error {
		for n < len(taken) && (n == 0 || time.Since(start) < sharedTime) {
			if err := taken[n].runIn(ctx, tx); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// runIn runs f, and takes back what it has done if it fails. It returns an error if
// the transaction cannot go on: SQLite ends it when a statement that writes is
// interrupted, or finds the disk full.
func (t *turn) runIn(ctx context.Context, tx *sql.Tx) error {
	if t.err = t.ctx.Err(); t.err != nil {
		return nil //nolint:nilerr // the transaction goes on
	}
	if _, err := tx.ExecContext(ctx, "SAVEPOINT turn"); err != nil {
		return err
	}
	if t.err = t.f(tx); t.err != nil {
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO turn"); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "RELEASE turn")
	return err
}

func (s *Store) transact(ctx context.Context, d durability, f func(tx *sql.Tx) error) error {
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
