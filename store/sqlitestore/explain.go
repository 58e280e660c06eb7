package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Explain implements [store.Explainer]. It reads the ledger of one day in the
// order of its key.
func (s *Store) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return func(yield func(store.Share, error) bool) {
		stopped := false
		err := s.view(ctx, func(tx *sql.Tx) error {
			return explain(ctx, tx, day, eventType, func(share store.Share) bool {
				stopped = !yield(share, nil)
				return !stopped
			})
		})
		if err != nil && !stopped {
			yield(store.Share{}, wrap(ctx, err, "explain %v", day))
		}
	}
}

func explain(ctx context.Context, tx *sql.Tx, day metrics.Day, eventType string, yield func(store.Share) bool) error {
	rows, err := tx.QueryContext(ctx, "SELECT batch_id, counts FROM ledger WHERE day = ? ORDER BY batch_id", day)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var id string
		var counts sql.RawBytes
		if err := rows.Scan(&id, &counts); err != nil {
			return err
		}
		share, err := metrics.DecodeContribution(counts, metrics.Filter{Types: []string{eventType}})
		if err != nil {
			return fmt.Errorf("ledger of batch %q: %w", id, err)
		}
		if len(share) > 0 && !yield(store.Share{BatchID: id, Count: share[0].Count}) {
			return nil
		}
	}
	return rows.Err()
}
