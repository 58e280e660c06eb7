package memstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// PurgeEvents implements [store.Retainer].
func (s *Store) PurgeEvents(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	if b.Status != store.Completed {
		return fmt.Errorf("memstore: purge events of %q, which is %s: %w", id, b.Status, store.ErrConflict)
	}
	b.events, b.EventsPurged = nil, true
	return nil
}

// UnpurgedDays implements [store.Retainer].
func (s *Store) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := metrics.Filter{From: from, To: to}
	days := map[metrics.Day]bool{}
	for id, e := range s.ledger {
		if b := s.batches[id]; b == nil || b.EventsPurged { // nil: archived
			continue
		}
		for day := range e.WithEvents().Days() {
			if q.MatchDay(day) {
				days[day] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(days)), ctx.Err()
}

// Archive implements [store.Retainer]. The entry in the ledger stays, and counts.
func (s *Store) Archive(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	if b.Status != store.Completed || !b.EventsPurged {
		return fmt.Errorf("memstore: archive %q, which is %s: %w", id, b.Status, store.ErrConflict)
	}
	delete(s.batches, id)
	return nil
}

// ReplaceAttachment implements [store.Retainer]. It reads the content before it
// takes the mutex, because the content may come from this store.
func (s *Store) ReplaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
	var all []byte
	for chunk, err := range content {
		if err != nil {
			return err
		}
		all = append(all, chunk...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	replaced := maps.Clone(b.attachments)
	if replaced[name] = all; len(all) == 0 {
		delete(replaced, name)
	}
	b.attachments = replaced
	return nil
}

// EraseNames implements [store.Retainer].
func (s *Store) EraseNames(ctx context.Context, id string, names store.Names) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	names.EraseFrom(&b.Batch)
	if names.IdempotencyKey {
		maps.DeleteFunc(s.keys, func(_ string, h keyHolder) bool { return h.batch == id })
	}
	return nil
}

// Scrub implements [store.Retainer]. The garbage collector has the memory.
func (s *Store) Scrub(ctx context.Context) error { return ctx.Err() }

// Erase implements [store.Retainer]. The events that stay go into a new slice,
// because the old one may be in a range.
func (s *Store) Erase(ctx context.Context, id string, e store.Erasure) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	switch {
	case err != nil:
		return 0, err
	case b.EventsPurged:
		return 0, fmt.Errorf("memstore: erase from %q: %w", id, store.ErrEventsPurged)
	case b.Erasure != e.After && b.Erasure != e.ID:
		return 0, fmt.Errorf("memstore: erase from %q: %w", id, store.ErrConflict)
	}
	var rest []metrics.Event
	for i := range b.events {
		if b.events[i].Field(e.Field) != e.Value {
			rest = append(rest, b.events[i])
		}
	}
	n := int64(len(b.events) - len(rest))
	if n > 0 {
		b.events, b.Erasure = rest, e.ID
		b.Erased += n
	}
	return n, nil
}
