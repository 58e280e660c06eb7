package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

// Claim implements [store.Deduper]. A claim is valid as long as its batch is
// there, so that nothing has to be undone when a batch is removed. With the process
// of a Writer everything is lost, so that no claim need end then.
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
		unfinished := s.open[owner] != nil
		switch {
		case unfinished && owner != id:
			return nil, fmt.Errorf("memstore: claim for %q: %w", id, store.ErrClaimed)
		case unfinished || s.countsLocked(owner):
			owners[i] = owner
			continue
		}
		if owners[i] = s.sharerLocked(fp); owners[i] == "" {
			s.claims[fp] = id
		}
	}
	return owners, nil
}

// AddOwner implements [store.Deduper].
func (s *Store) AddOwner(ctx context.Context, id string, fp store.Fingerprint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	w, ok := s.open[id]
	if !ok {
		return fmt.Errorf("memstore: add %q as an owner: %w", id, store.ErrNotFound)
	}
	w.called = time.Now()
	s.shared[fp] = append(s.shared[fp], id)
	return nil
}

// sharerLocked returns a visible or archived batch that AddOwner was called for,
// or "".
func (s *Store) sharerLocked(fp store.Fingerprint) string {
	for _, id := range s.shared[fp] {
		if s.countsLocked(id) {
			return id
		}
	}
	return ""
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
		if owners[i] = s.claims[fp]; !s.countsLocked(owners[i]) {
			owners[i] = s.sharerLocked(fp)
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
