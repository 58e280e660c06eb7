package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

var _ store.Deduper = (*Store)(nil)

// Claim gives free fingerprints to a batch that is being written. A claim
// holds for as long as its batch is there, so that nothing has to be undone
// when one goes. Errors: store.ErrClaimed, store.ErrNotFound.
func (s *Store) Claim(ctx context.Context, id string, prints []store.Fingerprint) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, ok := s.open[id]
	if !ok {
		return nil, fmt.Errorf("memstore: claim for %q: %w", id, store.ErrNotFound)
	}
	w.wrote = time.Now()
	answers := make([]string, len(prints))
	for i, p := range prints {
		owner := s.claims[p]
		other, unfinished := s.open[owner]
		switch {
		case unfinished && owner != id && time.Since(other.wrote) > store.ClaimTimeout:
			delete(s.open, owner)
		case unfinished && owner != id:
			return nil, fmt.Errorf("memstore: claim for %q: %w", id, store.ErrClaimed)
		case unfinished || s.holds(owner):
			answers[i] = owner
			continue
		}
		s.claims[p] = id
	}
	return answers, nil
}

// Owners returns the batches that have fingerprints.
func (s *Store) Owners(ctx context.Context, prints []store.Fingerprint) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	owners := make([]string, len(prints))
	for i, p := range prints {
		if id := s.claims[p]; s.holds(id) {
			owners[i] = id
		}
	}
	return owners, nil
}

// holds reports whether a batch is there, or was forgotten, and so counts
// without being there.
func (s *Store) holds(id string) bool {
	_, counts := s.ledger[id]
	return counts || s.batches[id] != nil
}
