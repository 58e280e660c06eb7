package memstore

import (
	"context"
	"maps"

	"github.com/eventmetrics/eventmetrics/store"
)

// DeleteBatch implements [store.Store].
func (s *Store) DeleteBatch(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.findLocked(ctx, id); err != nil {
		return err
	}
	delete(s.batches, id)
	delete(s.ledger, id)
	return nil
}

// Prune implements [store.Store].
func (s *Store) Prune(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p store.Pruned
	if err := ctx.Err(); err != nil {
		return p, err
	}
	for id, b := range s.batches {
		if b.Status != store.Uploaded || !b.Created.Before(q.Before) {
			continue
		}
		p.Batches++
		p.Events += b.Events()
		if !q.DryRun {
			delete(s.batches, id)
			delete(s.ledger, id)
		}
	}
	if !q.DryRun {
		maps.DeleteFunc(s.keys, func(_ string, h keyHolder) bool { return h.expires.Before(q.Before) })
	}
	maps.DeleteFunc(s.open, func(_ string, w *writer) bool {
		old := w.called.Before(q.Before)
		if old {
			p.Unfinished++
		}
		return old && !q.DryRun
	})
	return p, nil
}
