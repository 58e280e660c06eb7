package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

// Claim implements [store.Deduper]. A claim is valid as long as its batch is
// there, so that nothing has to be undone when a batch is removed.
func (s *Store) Claim(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, ok := s.open[id]
	if !ok {
		return nil, fmt.Errorf("memstore: claim for %q: %w", id, store.ErrNotFound)
	}
	w.called = time.Now()
	owners := make([]string, len(fps))
	for i, fp := range fps {
		owner := s.claims[fp]
		other, unfinished := s.open[owner]
		switch {
		case unfinished && owner != id && time.Since(other.called) > store.ClaimTimeout:
			delete(s.open, owner) // its process was lost
		case unfinished && owner != id:
			return nil, fmt.Errorf("memstore: claim for %q: %w", id, store.ErrClaimed)
		case unfinished || s.countsLocked(owner):
			owners[i] = owner
			continue
		}
		s.claims[fp] = id
	}
	return owners, nil
}

// Owners implements [store.Deduper].
func (s *Store) Owners(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	owners := make([]string, len(fps))
	for i, fp := range fps {
		if id := s.claims[fp]; s.countsLocked(id) {
			owners[i] = id
		}
	}
	return owners, nil
}

// countsLocked reports whether a batch is visible or archived. The ledger has
// the archived ones.
func (s *Store) countsLocked(id string) bool {
	_, recorded := s.ledger[id]
	return recorded || s.batches[id] != nil
}
