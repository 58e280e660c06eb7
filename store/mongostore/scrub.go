package mongostore

import (
	"context"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

// EraseNames implements [store.Retainer]. The documents of the keys go first:
// that of the batch shows what is left if the process is lost in between.
func (s *Store) EraseNames(ctx context.Context, id string, names store.Names) error {
	return wrap(s.eraseNames(ctx, id, names), "erase names of batch %q", id)
}

func (s *Store) eraseNames(ctx context.Context, id string, names store.Names) error {
	if _, err := s.read(ctx, id); err != nil {
		return err
	}
	if names == (store.Names{}) {
		return nil
	}
	if names.IdempotencyKey {
		if err := s.run.Remove(ctx, s.keys, eq("batch_id", id), nil); err != nil {
			return err
		}
	}
	_, err := s.change(ctx, id, func(d *batchDoc) error {
		if names.FileName {
			d.FileName = store.ErasedName
		}
		if names.IdempotencyKey {
			d.IdempotencyKey, d.KeyExpires, d.Keys = "", nil, nil
		}
		return nil
	})
	return err
}

// Scrub implements [store.Retainer]. It finishes what lost processes have left
// to a later Prune. The files belong to the server.
func (s *Store) Scrub(ctx context.Context) error {
	err := s.finishInterrupted(ctx, time.Time{})
	if err == nil {
		err = s.pruneArchived(ctx)
	}
	if err == nil {
		err = s.takeOld(ctx, statusRemoving, "updated_at", s.now().Add(time.Second), func(d *batchDoc) error { return s.clear(ctx, d) })
	}
	return wrap(err, "scrub")
}
