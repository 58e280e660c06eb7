package mongostore

import (
	"context"
	"errors"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// PurgeEvents implements [store.Retainer].
func (s *Store) PurgeEvents(ctx context.Context, id string) error {
	return wrap(s.purgeEvents(ctx, id), "purge events of batch %q", id)
}

func (s *Store) purgeEvents(ctx context.Context, id string) error {
	d, err := s.change(ctx, id, func(d *batchDoc) error {
		if d.Status != store.Completed {
			return store.ErrConflict
		}
		d.Purged, d.Purging = true, true
		return nil
	})
	if err != nil {
		return err
	}
	return s.finishPurging(ctx, d)
}

// finishPurging deletes the events of a batch that is purged.
func (s *Store) finishPurging(ctx context.Context, d *batchDoc) error {
	if !d.Purging {
		return nil
	}
	if err := errors.Join(s.removeEvents(ctx, d.ID), s.removeBlocks(ctx, d.ID)); err != nil {
		return err
	}
	if err := s.ledger.MarkPurged(ctx, d.ID); err != nil {
		return err
	}
	_, err := s.change(ctx, d.ID, func(d *batchDoc) error {
		if !d.Purging {
			return errUnchanged
		}
		d.Purging = false
		return nil
	})
	return err
}

// UnpurgedDays implements [store.Retainer].
func (s *Store) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	days, err := s.rollup.UnpurgedDays(ctx, from, to)
	return days, wrap(err, "read days with events")
}
