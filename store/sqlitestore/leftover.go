package sqlitestore

import (
	"context"
	"database/sql"
)

// leftover is what could not be deleted yet, because the disk was full or the
// context had ended: the blocks under a number, and the unfinished upload called
// id if it is not "".
type leftover struct {
	seq int64
	id  string
}

// giveBack takes an unfinished upload from its Writer and deletes what it wrote.
// If that fails, the next Begin tries again, and Prune, which finds what a lost
// process leaves.
func (s *Store) giveBack(ctx context.Context, l leftover) error {
	err := s.discardUnfinished(ctx, l)
	if err == nil {
		err = s.sweep(ctx, l.seq)
	}
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.left = append(s.left, l)
		return err
	}
	s.emptyLogIfTight(ctx)
	return nil
}

func (s *Store) discardUnfinished(ctx context.Context, l leftover) error {
	if l.id == "" {
		return nil
	}
	return s.update(ctx, unsynced, func(tx *sql.Tx) error {
		mine, err := changed(tx.ExecContext(ctx, "UPDATE unfinished SET batch_id = NULL WHERE seq = ? AND batch_id = ?", l.seq, l.id))
		if err != nil || !mine {
			return err
		}
		return free(ctx, tx, l.seq)
	})
}

// sweepLeft tries again to delete what is left.
func (s *Store) sweepLeft(ctx context.Context) {
	s.mu.Lock()
	left := s.left
	s.left = nil
	s.mu.Unlock()
	for _, l := range left {
		if err := s.giveBack(ctx, l); err != nil {
			s.log.WarnContext(ctx, "left discarded blocks for the next upload", "err", err)
		}
	}
}
