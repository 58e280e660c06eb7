package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Sketches cannot be subtracted, so the subjects of a day are out of date after
// a contribution to it was deleted. They are merged again from the ledger
// outside of the transaction that deleted it, because this may take long. Until
// then DayCounts merges them itself.

// healTries is how often a day that changes meanwhile is merged again.
const healTries = 3

// healLater heals days after a transaction has committed. Failing to heal is
// not an error of the caller.
func (s *Store) healLater(ctx context.Context, days []metrics.Day) {
	if len(days) == 0 {
		return
	}
	if err := s.heal(ctx, days); err != nil {
		s.log.Warn("left days out of date for the next prune", "err", err)
	}
}

// heal brings the subjects of days up to date; of all days if days is nil.
func (s *Store) heal(ctx context.Context, days []metrics.Day) error {
	if days == nil {
		var err error
		if days, err = s.staleDays(ctx); err != nil {
			return err
		}
	}
	for _, day := range days {
		for range healTries {
			done, err := s.healDay(ctx, day)
			if err != nil {
				return wrap(ctx, err, "merge the subjects of %v", day)
			}
			if done {
				break
			}
		}
	}
	return nil
}

func (s *Store) staleDays(ctx context.Context) ([]metrics.Day, error) {
	return readDays(ctx, s.reader, "SELECT day FROM details WHERE subjects IS NULL ORDER BY day")
}

func readDays(ctx context.Context, db *sql.DB, query string, args ...any) ([]metrics.Day, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var days []metrics.Day
	for rows.Next() {
		var day metrics.Day
		if err := rows.Scan(&day); err != nil {
			return nil, err
		}
		days = append(days, day)
	}
	return days, rows.Err()
}

// healDay merges without a lock and writes the result unless the day has
// changed since.
func (s *Store) healDay(ctx context.Context, day metrics.Day) (done bool, err error) {
	var d daySum
	var subjects []byte
	err = s.view(ctx, func(tx *sql.Tx) error {
		if d, err = readDay(ctx, tx, day, false); err != nil || !d.stale {
			return err
		}
		sum, err := mergeSubjects(ctx, tx, day, nil)
		if err != nil {
			return err
		}
		subjects, err = sum.AppendPart(nil, metrics.SubjectsPart())
		return err
	})
	if err != nil || !d.stale {
		return true, err
	}
	err = s.update(ctx, unsynced, func(tx *sql.Tx) error {
		done, err = changed(tx.ExecContext(ctx, "UPDATE details SET subjects = ? WHERE day = ? AND version = ?", subjects, day, d.version))
		return err
	})
	return done, err
}

// mergeSubjects merges what the ledger has for a day.
func mergeSubjects(ctx context.Context, tx *sql.Tx, day metrics.Day, types []string) (metrics.Contribution, error) {
	rows, err := tx.QueryContext(ctx, "SELECT subjects FROM ledger WHERE day = ?", day)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var sum metrics.Contribution
	for rows.Next() {
		var subjects sql.RawBytes
		if err := rows.Scan(&subjects); err != nil {
			return nil, err
		}
		share, err := metrics.DecodeContribution(subjects, metrics.Filter{Types: types, Subjects: true})
		if err != nil {
			return nil, err
		}
		sum = sum.Add(share)
	}
	return sum, rows.Err()
}
