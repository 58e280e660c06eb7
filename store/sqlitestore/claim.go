package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
)

// Claim implements [store.Deduper], in one transaction.
func (s *Store) Claim(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
	sorted, places := fingerprints.Distinct(fps)
	var answers []string
	err := s.add(ctx, unsynced, func(tx *sql.Tx) error {
		seq, err := s.claiming(ctx, tx, id)
		if err != nil {
			return err
		}
		l, err := s.openLevels(ctx, tx)
		if err != nil {
			return err
		}
		defer l.close()
		owners, err := l.owners(ctx, sorted, map[int64]string{seq: id}, s.holder)
		if err != nil {
			return err
		}
		answers = fingerprints.Answers(owners, places, id)
		return l.add(ctx, unowned(sorted, owners, seq))
	})
	return answers, wrap(ctx, err, "claim fingerprints for batch %q", id)
}

// Owners implements [store.Deduper].
func (s *Store) Owners(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
	sorted, places := fingerprints.Distinct(fps)
	answers := make([]string, len(fps))
	err := s.view(ctx, func(tx *sql.Tx) error {
		l, err := s.openLevels(ctx, tx)
		if err != nil {
			return err
		}
		defer l.close()
		owners, err := l.owners(ctx, sorted, map[int64]string{}, visible)
		if err != nil {
			return err
		}
		for i, place := range places {
			answers[i] = owners[place]
		}
		return nil
	})
	return answers, wrap(ctx, err, "look for the owners of fingerprints")
}

// claiming returns the number of the batch of a Writer, and touches it.
func (s *Store) claiming(ctx context.Context, tx *sql.Tx, id string) (seq int64, err error) {
	err = tx.QueryRowContext(ctx, "SELECT seq FROM unfinished WHERE batch_id = ?", id).Scan(&seq)
	if isNoRows(err) {
		err = store.ErrNotFound
	}
	if err == nil {
		_, err = s.touch(ctx, tx, seq)
	}
	return seq, err
}

// owners returns the id of the batch that has each fingerprint, or "". The
// fingerprints must ascend. It calls holder once for each batch that is not in
// known.
func (l *levels) owners(ctx context.Context, sorted []store.Fingerprint, known map[int64]string,
	holder func(context.Context, *levels, int64) (string, error),
) ([]string, error) {
	owners := make([]string, len(sorted))
	err := l.find(ctx, sorted, func(i int, seq int64) error {
		id, ok := known[seq]
		if !ok {
			var err error
			if id, err = holder(ctx, l, seq); err != nil {
				return err
			}
			known[seq] = id
		}
		if id != "" {
			owners[i] = id
		}
		return nil
	})
	if err == nil {
		err = l.addOwners(ctx, sorted, owners)
	}
	return owners, err
}

// unowned returns claims of a batch for the fingerprints that no batch has.
func unowned(sorted []store.Fingerprint, owners []string, seq int64) []claim {
	var claims []claim
	for i, id := range owners {
		if id == "" {
			claims = append(claims, claim{sorted[i], seq})
		}
	}
	return claims
}

// visible returns the id of a batch that is visible or archived.
func visible(ctx context.Context, l *levels, seq int64) (id string, err error) {
	err = l.tx.QueryRowContext(ctx, "SELECT id FROM batches WHERE seq = ?1 UNION ALL SELECT id FROM archived WHERE seq = ?1", seq).Scan(&id)
	if isNoRows(err) {
		err = nil
	}
	return id, err
}

// holder returns the id of a batch that has claims, or "" if it was removed. It
// takes an unfinished batch from the Writer of a lost process. Errors:
// store.ErrClaimed when the process lives.
func (s *Store) holder(ctx context.Context, l *levels, seq int64) (string, error) {
	id, err := visible(ctx, l, seq)
	if err != nil || id != "" {
		return id, err
	}
	var touched int64
	err = l.tx.QueryRowContext(ctx, "SELECT touched FROM unfinished WHERE seq = ? AND batch_id IS NOT NULL", seq).Scan(&touched)
	switch {
	case isNoRows(err):
		return "", nil
	case err != nil:
		return "", err
	case !s.heart.Lost(seq, touched):
		return "", store.ErrClaimed
	}
	l.freed[seq] = true
	if err := free(ctx, l.tx, seq); err != nil {
		return "", err
	}
	_, err = l.tx.ExecContext(ctx, "UPDATE unfinished SET batch_id = NULL, attached = 1 WHERE seq = ?", seq)
	return "", err
}
