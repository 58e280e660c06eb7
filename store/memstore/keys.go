package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

// keyHolder is the batch to which TakeKey has given a key. It has the key as long
// as it is there, so that nothing has to be undone when it is removed.
type keyHolder struct {
	batch   string
	expires time.Time
}

// BatchOfKey implements [store.Store].
func (s *Store) BatchOfKey(ctx context.Context, key string, at time.Time) (store.Batch, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return store.Batch{}, err
	}
	b := s.holderLocked(key, at)
	if b == nil {
		return store.Batch{}, fmt.Errorf("memstore: batch of key %q: %w", key, store.ErrNotFound)
	}
	return b.Batch, nil
}

// holderLocked returns the batch that has a key at a time, or nil. A database has
// an index of the keys.
func (s *Store) holderLocked(key string, at time.Time) *batch {
	if key == "" {
		return nil
	}
	if h, ok := s.keys[key]; ok && h.expires.After(at) && s.batches[h.batch] != nil {
		return s.batches[h.batch]
	}
	for _, b := range s.batches {
		if b.IdempotencyKey == key && b.KeyExpires.After(at) {
			return b
		}
	}
	return nil
}

// TakeKey implements [store.Deduper].
func (s *Store) TakeKey(ctx context.Context, id, key string, expires, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	switch s.holderLocked(key, now) {
	case b:
	case nil:
		s.keys[key] = keyHolder{id, expires.UTC().Truncate(time.Millisecond)}
	default:
		return fmt.Errorf("memstore: take key %q for %q: %w", key, id, store.ErrKeyTaken)
	}
	return nil
}

// Keys implements [store.Deduper].
func (s *Store) Keys(ctx context.Context, id string) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return nil, err
	}
	var keys []string
	if b.IdempotencyKey != "" {
		keys = append(keys, b.IdempotencyKey)
	}
	for key, h := range s.keys {
		if h.batch == id {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}
