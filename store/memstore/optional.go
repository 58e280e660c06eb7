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

var (
	_ store.Auditor   = (*Store)(nil)
	_ store.Explainer = (*Store)(nil)
	_ store.Retainer  = (*Store)(nil)
)

// Contribution returns what the ledger has for a batch. Errors:
// store.ErrNotFound.
func (s *Store) Contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e, ok := s.ledger[id]
	if !ok || s.batches[id] == nil {
		return nil, fmt.Errorf("memstore: contribution of %q: %w", id, store.ErrNotFound)
	}
	return metrics.Merge(e.Contribution), nil
}

// Amend replaces the contribution of a batch. Errors: store.ErrNotFound.
func (s *Store) Amend(ctx context.Context, id string, c metrics.Contribution) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	e, ok := s.ledger[id]
	if !ok || s.batches[id] == nil {
		return fmt.Errorf("memstore: amend %q: %w", id, store.ErrNotFound)
	}
	s.ledger[id] = entry{metrics.Merge(c), e.recorded}
	return nil
}

// Rebuild does nothing: DayCounts reads the ledger itself.
func (s *Store) Rebuild(ctx context.Context) error { return ctx.Err() }

// Explain returns the share of each batch in a count.
func (s *Store) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return func(yield func(store.Share, error) bool) {
		s.mu.RLock()
		ledger := maps.Clone(s.ledger)
		s.mu.RUnlock()
		for _, id := range slices.Sorted(maps.Keys(ledger)) {
			for _, d := range ledger[id].Contribution {
				total := d.Day == day && d.Type == eventType && d.Group == ""
				if total && !yield(store.Share{BatchID: id, Count: d.Count}, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(store.Share{}, err)
		}
	}
}

// Seal purges the events of a completed batch. Errors: store.ErrNotFound,
// store.ErrConflict.
func (s *Store) PurgeEvents(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	if b.Status != store.Completed {
		return fmt.Errorf("memstore: seal %q, which is %s: %w", id, b.Status, store.ErrConflict)
	}
	b.events, b.EventsPurged = nil, true
	return nil
}

// UnpurgedDays returns the days in which a batch has a share that is not sealed.
func (s *Store) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := metrics.Filter{From: from, To: to}
	days := map[metrics.Day]bool{}
	for id, e := range s.ledger {
		if b := s.batches[id]; b == nil || b.EventsPurged { // nil: forgotten
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

// Archive removes a sealed batch and leaves its contribution in the ledger.
// Errors: store.ErrNotFound, store.ErrConflict.
func (s *Store) Archive(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	if b.Status != store.Completed || !b.EventsPurged {
		return fmt.Errorf("memstore: forget %q, which is %s: %w", id, b.Status, store.ErrConflict)
	}
	delete(s.batches, id)
	return nil
}

// ReplaceAttachment replaces an attachment. Errors: store.ErrNotFound.
func (s *Store) ReplaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
	var all []byte
	for chunk, err := range content { // before the mutex: it may read from this store
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
	b.attachments = maps.Clone(b.attachments)
	if b.attachments == nil {
		b.attachments = map[string][]byte{}
	}
	if b.attachments[name] = all; len(all) == 0 {
		delete(b.attachments, name)
	}
	return nil
}

// Erase removes events of a batch. Errors: store.ErrNotFound, store.ErrEventsPurged,
// store.ErrConflict.
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
	var rest []metrics.Event // another slice: somebody may be ranging over the old one
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
