package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
)

// Claim implements [store.Deduper]. Fingerprints that are spread over many leaves
// take several transactions, each of which reads and writes a bounded number.
func (s *Store) Claim(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
	sorted, places := fingerprints.Distinct(fps)
	owners, full, err := s.claimSome(ctx, id, nil, sorted)
	for err == nil && len(owners) < len(sorted) {
		owners, full, err = s.claimSome(ctx, id, owners, sorted)
	}
	for err == nil && full {
		full, err = s.moveClaims(ctx)
	}
	if err != nil {
		return nil, wrap(ctx, err, "claim fingerprints for batch %q", id)
	}
	return fingerprints.Answers(owners, places, id), nil
}

// claimSome claims the first of the sorted fingerprints of which the owners are not
// known, and adds their owners. It reports whether claims are to be moved.
func (s *Store) claimSome(ctx context.Context, id string, owners []string, sorted []store.Fingerprint) (_ []string, full bool, _ error) {
	var some []string
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
		rest := sorted[len(owners):]
		if some, err = l.owners(ctx, rest, map[int64]string{seq: id}, s.holder); err != nil {
			return err
		}
		claims := unowned(rest, some, seq)
		if err := l.merge(ctx, l.levelFor(len(claims), len(sorted)), claims); err != nil {
			return err
		}
		full = l.full() >= 0
		return l.save(ctx)
	})
	return append(owners, some...), full, err
}

// moveClaims moves claims from a level that has too many to the next. It reports
// whether more are to be moved.
func (s *Store) moveClaims(ctx context.Context) (full bool, _ error) {
	err := s.add(ctx, unsynced, func(tx *sql.Tx) error {
		l, err := s.openLevels(ctx, tx)
		if err != nil {
			return err
		}
		defer l.close()
		if err := l.move(ctx); err != nil {
			return err
		}
		full = l.full() >= 0
		return l.save(ctx)
	})
	return full, err
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
		known := map[int64]string{}
		var owners []string
		for first := true; first || len(owners) < len(sorted); first = false {
			some, err := l.owners(ctx, sorted[len(owners):], known, visible)
			if err != nil {
				return err
			}
			owners = append(owners, some...)
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

// owners returns the id of the batch that has each fingerprint, or "", for the
// first of them: at least one, if there is one. The fingerprints must ascend. It
// calls holder once for each batch that is not in known.
func (l *levels) owners(ctx context.Context, sorted []store.Fingerprint, known map[int64]string,
	holder func(context.Context, *levels, int64) (string, error),
) ([]string, error) {
	owners := make([]string, len(sorted))
	n, err := l.find(ctx, sorted, func(i int, seq int64) error {
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
	owners = owners[:n]
	if err == nil {
		err = l.addOwners(ctx, sorted[:n], owners)
	}
	return owners, err
}

// unowned returns claims of a batch for the fingerprints that no batch has.
func unowned(sorted []store.Fingerprint, owners []string, seq int64) []claim {
	claims := make([]claim, 0, len(owners))
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
