package riverqueue

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/eventmetrics/eventmetrics/queue"
)

// explain returns the error for the caller of an error of River or the database.
func explain(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("riverqueue: %s: %w", what, ctx.Err())
	case isFull(err):
		return fmt.Errorf("riverqueue: %s: %w: %w", what, queue.ErrFull, err)
	case isLasting(err):
		return fmt.Errorf("riverqueue: %s: %w", what, err)
	default:
		return fmt.Errorf("riverqueue: %s: %w: %w", what, queue.ErrUnavailable, err)
	}
}

// isFull reports whether the disk is full.
func isFull(err error) bool {
	var s *sqlite.Error
	return errors.As(err, &s) && (s.Code() == sqlite3.SQLITE_FULL || s.Code() == sqlite3.SQLITE_IOERR_SHMSIZE)
}

// isLasting reports whether repeating the call would fail again.
func isLasting(err error) bool {
	var s *sqlite.Error
	if !errors.As(err, &s) {
		return false
	}
	switch s.Code() & 0xff { // the rest tells kinds of I/O errors apart
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
		sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_AUTH:
		return true
	default:
		return false
	}
}
