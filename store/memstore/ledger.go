package memstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// entry is the entry of a batch in the ledger.
type entry struct {
	metrics.Contribution
	recorded time.Time
}

// Pending implements [store.Store].
func (s *Store) Pending(ctx context.Context, id string) (metrics.Contribution, error) {
	b, err := s.find(ctx, id)
	return metrics.Merge(b.pending), err // a copy
}

// Record implements [store.Store]. It is the one place at which a batch begins
// to count.
func (s *Store) Record(ctx context.Context, id string, c metrics.Contribution) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	if _, ok := s.ledger[id]; !ok {
		s.ledger[id] = entry{metrics.Merge(c), now()}
		b.pending = nil
	}
	return nil
}

// DayCounts implements [store.Store]. It sums the ledger each time, so nothing
// else has to be kept in step with it.
func (s *Store) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return func(yield func(metrics.DayCount, error) bool) {
		for _, d := range s.sum(&q) {
			if err := ctx.Err(); err != nil {
				yield(metrics.DayCount{}, err)
				return
			}
			if !q.Select(&d) {
				continue
			}
			if q.Trim(&d); !yield(d, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(metrics.DayCount{}, err)
		}
	}
}

// sum adds up what was recorded until q.AsOf.
func (s *Store) sum(q *metrics.Filter) metrics.Contribution {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []metrics.Contribution
	for _, e := range s.ledger {
		if q.MatchRecorded(e.recorded) {
			all = append(all, e.Contribution)
		}
	}
	return metrics.Merge(all...)
}

// Contribution implements [store.Auditor].
func (s *Store) Contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, err := s.entryLocked(ctx, id)
	return metrics.Merge(e.Contribution), err
}

// Amend implements [store.Auditor].
func (s *Store) Amend(ctx context.Context, id string, c metrics.Contribution) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.entryLocked(ctx, id)
	if err == nil {
		s.ledger[id] = entry{metrics.Merge(c), e.recorded}
	}
	return err
}

// entryLocked returns the entry of a batch. An archived batch is unknown, though
// its entry is there.
func (s *Store) entryLocked(ctx context.Context, id string) (entry, error) {
	if _, err := s.findLocked(ctx, id); err != nil {
		return entry{}, err
	}
	e, ok := s.ledger[id]
	if !ok {
		return entry{}, fmt.Errorf("memstore: contribution of %q: %w", id, store.ErrNotFound)
	}
	return e, nil
}

// Rebuild implements [store.Auditor]. There are no sums beside the ledger.
func (s *Store) Rebuild(ctx context.Context) error { return ctx.Err() }

// Explain implements [store.Explainer].
func (s *Store) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return func(yield func(store.Share, error) bool) {
		s.mu.RLock()
		ledger := maps.Clone(s.ledger)
		s.mu.RUnlock()
		for _, id := range slices.Sorted(maps.Keys(ledger)) {
			if err := ctx.Err(); err != nil {
				yield(store.Share{}, err)
				return
			}
			for _, d := range ledger[id].Contribution {
				total := d.Day == day && d.Type == eventType && d.Group == ""
				if total && !yield(store.Share{BatchID: id, Count: d.Count, Slots: d.Slots}, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(store.Share{}, err)
		}
	}
}
