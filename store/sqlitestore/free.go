package sqlitestore

import (
	"context"
	"database/sql"
	"slices"
)

// The claims of a batch are spread over many leaves, among those of other
// batches, and there is no index by batch. So when the batch is removed, its
// claims become void and stay. A void claim is left out when its leaf is
// written again, or removed by Prune.

// free notes that the claims of a batch are void.
func free(ctx context.Context, tx *sql.Tx, seq int64) error {
	_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO freed SELECT ?1 WHERE EXISTS(SELECT 1 FROM levels); DELETE FROM owners WHERE seq = ?1", seq)
	return err
}

// freedBatches returns the batches of which claims may be left. A damaged number
// does not make the claims of a batch void.
func freedBatches(ctx context.Context, tx *sql.Tx) ([]int64, error) {
	rows, err := tx.QueryContext(ctx, `SELECT seq FROM freed WHERE NOT EXISTS(SELECT 1 FROM batches b WHERE b.seq = freed.seq)
		AND NOT EXISTS(SELECT 1 FROM archived a WHERE a.seq = freed.seq)
		AND NOT EXISTS(SELECT 1 FROM unfinished u WHERE u.seq = freed.seq AND batch_id IS NOT NULL)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var all []int64
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, err
		}
		all = append(all, seq)
	}
	return all, rows.Err()
}

// sweepLeaves is the number of leaves that one transaction looks through.
const sweepLeaves = 16

// sweepClaims removes the void claims of the batches that are in freed when it
// begins. Claims move to lower levels only, and void ones are left out when
// they do, so it misses none.
func (s *Store) sweepClaims(ctx context.Context) error {
	var freed []int64
	var lowest int
	err := s.view(ctx, func(tx *sql.Tx) (err error) {
		if freed, err = freedBatches(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT coalesce(max(level), -1) FROM levels").Scan(&lowest)
	})
	if err != nil || len(freed) == 0 {
		return err
	}
	for n := range lowest + 1 {
		for last, ok := []byte{}, true; ok; {
			if last, ok, err = s.sweepLevel(ctx, n, last); err != nil {
				return err
			}
		}
	}
	return s.update(ctx, unsynced, func(tx *sql.Tx) error {
		for _, seq := range freed {
			if _, err := tx.ExecContext(ctx, "DELETE FROM freed WHERE seq = ?", seq); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweepLevel looks, without a lock, for void claims after a fingerprint, and
// removes those of a few leaves. It returns the fingerprint from which to
// continue, if there is more.
func (s *Store) sweepLevel(ctx context.Context, n int, last []byte) (after []byte, more bool, err error) {
	err = s.view(ctx, func(tx *sql.Tx) error {
		l, err := s.openLevels(ctx, tx)
		if err != nil {
			return err
		}
		defer l.close()
		for {
			if more, err = l.next(ctx, n, append(last, 0)); err != nil || !more || l.hasVoid() {
				return err
			}
			last = l.last
		}
	})
	if err != nil || !more {
		return nil, false, err
	}
	err = s.update(ctx, unsynced, func(tx *sql.Tx) error {
		last, more, err = s.sweepSomeClaims(ctx, tx, n, last)
		return err
	})
	return last, more, err
}

func (s *Store) sweepSomeClaims(ctx context.Context, tx *sql.Tx, n int, last []byte) (after []byte, more bool, err error) {
	l, err := s.openLevels(ctx, tx)
	if err != nil {
		return nil, false, err
	}
	defer l.close()
	for range sweepLeaves {
		if more, err = l.next(ctx, n, append(last, 0)); err != nil || !more {
			break
		}
		last = l.last
		if l.hasVoid() {
			if err := l.replace(ctx, n, true, l.merged(nil, true)); err != nil {
				return nil, false, err
			}
		}
	}
	if err != nil {
		return nil, false, err
	}
	return last, more, l.save(ctx)
}

// hasVoid reports whether the leaf that was read last has void claims.
func (l *levels) hasVoid() bool {
	return slices.ContainsFunc(l.leaf.seqs, func(seq int64) bool { return l.freed[seq] })
}
