package memstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Store keeps everything in memory and loses it with the process. It implements
// all optional interfaces of package store. It is safe for concurrent use.
// Create one with [New].
type Store struct {
	mu      sync.RWMutex
	open    map[string]*writer // begun, neither committed nor aborted
	batches map[string]*batch  // committed
	ledger  map[string]entry   // by batch, archived ones included
	claims  map[store.Fingerprint]string
	shared  map[store.Fingerprint][]string // further batches
	keys    map[string]keyHolder           // further keys of batches
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Auditor   = (*Store)(nil)
	_ store.Explainer = (*Store)(nil)
	_ store.Deduper   = (*Store)(nil)
	_ store.Retainer  = (*Store)(nil)
)

// batch is a batch and its content. Once it is in Store.batches, its slices and
// map are replaced and not changed, so that a reader needs the mutex only to
// copy the struct.
type batch struct {
	store.Batch
	events      []metrics.Event
	attachments map[string][]byte
	pending     metrics.Contribution // nil when recorded
}

// New returns an empty store.
func New() *Store {
	return &Store{
		open:    map[string]*writer{},
		batches: map[string]*batch{},
		ledger:  map[string]entry{},
		claims:  map[store.Fingerprint]string{},
		shared:  map[store.Fingerprint][]string{},
		keys:    map[string]keyHolder{},
	}
}

// Batch implements [store.Store].
func (s *Store) Batch(ctx context.Context, id string) (store.Batch, error) {
	b, err := s.find(ctx, id)
	return b.Batch, err
}

// find returns a copy of a batch, which can be read without the mutex.
func (s *Store) find(ctx context.Context, id string) (batch, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return batch{}, err
	}
	return *b, nil
}

// findLocked returns a batch to a method that holds the mutex. Errors: that of
// ctx; store.ErrNotFound.
func (s *Store) findLocked(ctx context.Context, id string) (*batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, ok := s.batches[id]
	if !ok {
		return nil, fmt.Errorf("memstore: batch %q: %w", id, store.ErrNotFound)
	}
	return b, nil
}

// Batches implements [store.Store].
func (s *Store) Batches(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var page []store.Batch
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(s.batches))) {
		if b := s.batches[id]; q.Match(&b.Batch) && len(page) < q.Size() {
			page = append(page, b.Batch)
		}
	}
	return page, nil
}

// CountBatches implements [store.Store].
func (s *Store) CountBatches(ctx context.Context, limit int64) (map[store.Status]int64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	counts := map[store.Status]int64{}
	for _, status := range store.Statuses() {
		counts[status] = 0
	}
	for _, b := range s.batches {
		counts[b.Status] = min(counts[b.Status]+1, limit)
	}
	return counts, ctx.Err()
}

// SetStatus implements [store.Store].
func (s *Store) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, lastError string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	if !slices.Contains(from, b.Status) {
		return fmt.Errorf("memstore: batch %q is %s: %w", id, b.Status, store.ErrConflict)
	}
	b.Status, b.LastError, b.Updated = to, lastError, now()
	return nil
}

// Ping implements [store.Store]. Memory is always available.
func (s *Store) Ping(ctx context.Context) error { return ctx.Err() }

// now returns the current time as batches keep it: UTC, to the millisecond.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
