package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// shareGroups is a column of a query of the ledger: the groups of a share.
const shareGroups = "(SELECT groups FROM ledger_groups g WHERE g.batch_id = ledger.batch_id AND g.day = ledger.day)"

// joinShare decodes what q asks for of a share; groups may be empty.
func joinShare(counts, subjects, groups []byte, q metrics.Filter) (metrics.Contribution, error) {
	share, err := metrics.JoinParts(counts, subjects, q)
	if err != nil || len(groups) == 0 {
		return share, err
	}
	q.Subjects = false
	more, err := metrics.DecodeContribution(groups, q)
	return share.WithGroups(more), err
}

// enterGroups adds the groups of a share to the ledger and to the sum of their
// day, and returns their encoding. It does nothing if there are none.
func enterGroups(ctx context.Context, tx *sql.Tx, day metrics.Day, id string, groups metrics.Contribution) ([]byte, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	text, err := groups.AppendPart(nil, metrics.GroupsPart())
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO ledger_groups(day, batch_id, groups) VALUES(?, ?, ?)", day, id, text)
	if err != nil {
		return nil, err
	}
	sum, err := groupsOfDay(ctx, tx, day)
	if err != nil {
		return nil, err
	}
	return text, writeGroups(ctx, tx, day, metrics.Merge(sum, groups))
}

// withdrawGroups takes the groups of a batch out of the ledger and the sums.
func withdrawGroups(ctx context.Context, tx *sql.Tx, id string) error {
	groups, err := ledgerGroups(ctx, tx, id)
	if err != nil || len(groups) == 0 {
		return err
	}
	for day, share := range groups.Days() {
		sum, err := groupsOfDay(ctx, tx, day)
		if err != nil {
			return err
		}
		if err := writeGroups(ctx, tx, day, sum.Subtract(share)); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM ledger_groups WHERE batch_id = ?", id)
	return err
}

// ledgerGroups returns the groups that the ledger has for a batch.
func ledgerGroups(ctx context.Context, tx *sql.Tx, id string) (metrics.Contribution, error) {
	rows, err := tx.QueryContext(ctx, "SELECT day, groups FROM ledger_groups WHERE batch_id = ? ORDER BY day", id)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var all metrics.Contribution
	for rows.Next() {
		var day metrics.Day
		var text sql.RawBytes
		if err := rows.Scan(&day, &text); err != nil {
			return nil, err
		}
		share, err := metrics.DecodeContribution(text, metrics.GroupsPart())
		if err != nil {
			return nil, fmt.Errorf("groups of %v: %w", day, err)
		}
		all = append(all, share...)
	}
	return all, rows.Err()
}

func groupsOfDay(ctx context.Context, tx *sql.Tx, day metrics.Day) (metrics.Contribution, error) {
	var text []byte
	err := tx.QueryRowContext(ctx, "SELECT groups FROM day_groups WHERE day = ?", day).Scan(&text)
	if isNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return metrics.DecodeContribution(text, metrics.GroupsPart())
}

func writeGroups(ctx context.Context, tx *sql.Tx, day metrics.Day, sum metrics.Contribution) error {
	if len(sum) == 0 {
		_, err := tx.ExecContext(ctx, "DELETE FROM day_groups WHERE day = ?", day)
		return err
	}
	text, err := sum.AppendPart(nil, metrics.GroupsPart())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO day_groups(day, groups) VALUES(?, ?)", day, text)
	return err
}
