package sqlitestore

import (
	"context"
	"database/sql"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// UseSmallLeaves makes few fingerprints as many leaves and levels as else
// millions are.
func (s *Store) UseSmallLeaves() { s.sizes = sizes{leaf: 4, level: 16, leaves: 8, dense: 2} }

// ClaimOnce is one transaction of a Claim of fingerprints that ascend. It returns how
// many of them it has claimed.
func (s *Store) ClaimOnce(ctx context.Context, id string, fps []store.Fingerprint) (int, error) {
	owners, _, err := s.claimSome(ctx, id, nil, fps)
	return len(owners), err
}

// MoveOnce is one transaction that moves claims. It reports whether there is more to
// move.
func (s *Store) MoveOnce(ctx context.Context) (more bool, err error) { return s.moveClaims(ctx) }

// Beat shows that the Writers of this process are alive, and looks at all, as the
// Store does by itself now and then.
func (s *Store) Beat(ctx context.Context) error { return s.heart.Pulse(ctx) }

// Versions of files that a Store reads.
const (
	OldestVersion  = oldestVersion
	PresentVersion = schemaVersion
)

// BeginStep runs the step that a file needs and neither commits nor ends its
// transaction, as a process does that is killed before the commit.
func BeginStep(ctx context.Context, conn *sql.Conn) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	m, err := readMarks(ctx, tx)
	if err != nil {
		return err
	}
	return runStep(ctx, tx, m.version)
}

// RunStep runs the step that a file needs, and no other.
func RunStep(ctx context.Context, conn *sql.Conn) error {
	_, err := migrateOnce(ctx, conn)
	return err
}

// RowsAsOf returns the number of rows that a query as of a moment sums for a day.
func (s *Store) RowsAsOf(ctx context.Context, day metrics.Day, at time.Time) (n int, err error) {
	r := dayReader{q: metrics.Filter{AsOf: at}, from: int64(day), to: int64(day)}
	err = s.view(ctx, func(tx *sql.Tx) error {
		days, err := r.asOfDays(ctx, tx)
		if err != nil || len(days) == 0 || days[0].whole {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT count(*) FROM ("+firstEntries+")", day, days[0].end, at.UnixMilli(), false, spanBits).Scan(&n)
	})
	return n, err
}
