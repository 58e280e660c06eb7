package mongostore

import (
	"context"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// PurgeEvents implements [store.Retainer].
func (s *Store) PurgeEvents(ctx context.Context, id string) error {
	return wrap(s.purgeEvents(ctx, id), "purge events of batch %q", id)
}

func (s *Store) purgeEvents(ctx context.Context, id string) error {
	purged, err := s.run.Update(ctx, s.batches, eq("_id", id, "status", store.Completed), eq("$set", eq("sealed", true)))
	if err != nil {
		return err
	}
	if !purged {
		return s.missingOr(ctx, id, store.ErrConflict)
	}
	if err := s.run.Remove(ctx, s.events, eq("batch_id", id)); err != nil {
		return err
	}
	return s.ledger.MarkPurged(ctx, id)
}

// UnpurgedDays implements [store.Retainer]. Shares that do not count any
// more, or not yet, are taken for ones that do.
func (s *Store) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	days, err := s.ledger.UnpurgedDays(ctx, from, to)
	return days, wrap(err, "read days with events")
}
