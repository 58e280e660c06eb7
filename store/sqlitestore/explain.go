package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// sharesPage is the number of shares that one query reads.
const sharesPage = 1000

// Explain implements [store.Explainer]. It reads the ledger of one day in the
// order of its key, page by page, and holds no connection while it yields.
func (s *Store) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return func(yield func(store.Share, error) bool) {
		for last, more := "", true; more; {
			page, err := s.shares(ctx, day, eventType, last)
			if err != nil {
				yield(store.Share{}, wrap(ctx, err, "explain %v", day))
				return
			}
			for _, share := range page {
				if err := ctx.Err(); err != nil {
					yield(store.Share{}, wrap(ctx, err, "explain %v", day))
					return
				}
				if last = share.BatchID; share.Count != 0 && !yield(share, nil) {
					return
				}
			}
			more = len(page) == sharesPage
		}
	}
}

// shares reads the next page of the batches that contribute to a day. Their
// Count is 0 if they have no event of the type.
func (s *Store) shares(ctx context.Context, day metrics.Day, eventType, after string) ([]store.Share, error) {
	rows, err := s.reader.QueryContext(ctx, "SELECT batch_id, counts FROM ledger WHERE day = ? AND batch_id > ? ORDER BY batch_id LIMIT ?",
		day, after, sharesPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var page []store.Share
	for rows.Next() {
		var share store.Share
		var counts sql.RawBytes
		if err := rows.Scan(&share.BatchID, &counts); err != nil {
			return nil, err
		}
		c, err := metrics.DecodeContribution(counts, metrics.Filter{Types: []string{eventType}, Slots: true})
		if err != nil {
			return nil, fmt.Errorf("ledger of batch %q: %w", share.BatchID, err)
		}
		if len(c) > 0 {
			share.Count, share.Slots = c[0].Count, c[0].Slots
		}
		page = append(page, share)
	}
	return page, rows.Err()
}
