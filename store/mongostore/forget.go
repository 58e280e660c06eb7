package mongostore

import (
	"context"

	"github.com/eventmetrics/eventmetrics/store"
)

// Forget implements [store.Forgetter]. The batch is gone when its status says
// so; its entry of the ledger is not void and goes on counting.
func (s *Store) Forget(ctx context.Context, id string) error {
	d, err := s.read(ctx, id)
	if err != nil {
		return wrap(err, "forget batch %q", id)
	}
	gone, err := s.update(ctx, s.batches, eq("_id", id, "status", store.Completed, "sealed", true), eq("$set", eq("status", statusRemoving)))
	if err != nil {
		return wrap(err, "forget batch %q", id)
	}
	if !gone {
		if _, err := s.read(ctx, id); err != nil {
			return wrap(err, "forget batch %q", id)
		}
		return wrap(store.ErrConflict, "forget batch %q", id)
	}
	return wrap(s.clear(ctx, d), "forget batch %q", id)
}
