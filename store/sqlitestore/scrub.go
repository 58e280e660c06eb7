package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/store"
)

// EraseNames implements [store.Retainer].
func (s *Store) EraseNames(ctx context.Context, id string, names store.Names) error {
	err := s.update(ctx, synced, func(tx *sql.Tx) error {
		b, err := readBatch(ctx, tx, id)
		if err != nil {
			return err
		}
		if names.IdempotencyKey {
			if err := freeKeys(ctx, tx, b.seq); err != nil {
				return err
			}
		}
		names.EraseFrom(&b.Batch)
		return b.save(ctx, tx)
	})
	return wrap(ctx, err, "erase names of batch %q", id)
}

// Scrub implements [store.Retainer]. It finishes what was left to a later
// Prune, and empties the log, which has pages as they were before. Free pages
// are empty: the writer overwrites what it deletes.
func (s *Store) Scrub(ctx context.Context) error {
	err := s.sweepDiscarded(ctx)
	if err == nil {
		err = s.dropStaged(ctx)
	}
	if err == nil {
		err = s.emptyLog(ctx)
	}
	return wrap(ctx, err, "scrub")
}

// emptyLog copies the log into the file and cuts it to nothing. It waits for
// readers, at most as long as the busy timeout. Errors: store.ErrUnavailable.
func (s *Store) emptyLog(ctx context.Context) error {
	var busy, frames, copied int
	err := s.writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &copied)
	if err == nil && busy != 0 {
		err = fmt.Errorf("readers keep the log in use: %w", store.ErrUnavailable)
	}
	return err
}

// errDropped means that a staged attachment was taken for one of a lost
// process.
var errDropped = errors.New("another process has dropped the staged content; try again")

// stagedName is where the chunks of a staged attachment are.
type stagedName struct {
	seq  int64
	name string
}

// allStaged returns the staged attachments of all processes.
func (s *Store) allStaged(ctx context.Context) (all []stagedName, _ error) {
	rows, err := s.reader.QueryContext(ctx, "SELECT DISTINCT seq, name FROM attachments WHERE instr(name, char(0)) > 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var one stagedName
		if err := rows.Scan(&one.seq, &one.name); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// dropStaged removes the staged attachments that a lost process has left.
func (s *Store) dropStaged(ctx context.Context) error {
	all, err := s.allStaged(ctx)
	for _, one := range all {
		if err != nil || s.isStaging(one.name) {
			continue
		}
		err = s.update(ctx, unsynced, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM attachments WHERE seq = ? AND name = ?", one.seq, one.name)
			return err
		})
	}
	return err
}

// stage notes that this process writes a staged attachment, until the returned
// function is called.
func (s *Store) stage(name string) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.staging[name] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.staging, name)
	}
}

func (s *Store) isStaging(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.staging[name]
}
