// Package memstore is a store in memory, and the model for authors of
// stores: the shortest code that keeps every promise of package store.
//
// One mutex guards a few maps. The ledger maps a batch to its contribution,
// and DayCount sums it anew each time, so that recording once, deleting and
// amending are plain map operations. A store with a database keeps the same
// things in it. The package's test runs the conformance suite.
package memstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Store keeps everything in memory and forgets it with the process. It is safe
// for concurrent use. Make one with [New].
type Store struct {
	mu      sync.RWMutex
	open    map[string]*writer // begun, neither committed nor aborted
	batches map[string]*batch  // committed
	ledger  map[string]entry
	claims  map[store.Fingerprint]string // of batches that may be gone
}

// entry is what the ledger has for a batch.
type entry struct {
	metrics.Contribution
	recorded time.Time
}

var _ store.Store = (*Store)(nil)

// batch does not change once it is in Store.batches, but for its store.Batch.
type batch struct {
	store.Batch
	events      []metrics.Event
	attachments map[string][]byte
}

// New returns an empty store.
func New() *Store {
	return &Store{
		open:    map[string]*writer{},
		batches: map[string]*batch{},
		ledger:  map[string]entry{},
		claims:  map[store.Fingerprint]string{},
	}
}

// Batch returns a batch. Errors: store.ErrNotFound.
func (s *Store) Batch(ctx context.Context, id string) (store.Batch, error) {
	b, err := s.find(ctx, id)
	return b.Batch, err
}

// find returns a copy of the batch, so that it can be read without the mutex.
func (s *Store) find(ctx context.Context, id string) (batch, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return batch{}, err
	}
	return *b, nil
}

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

// Batches returns the batches that q selects, newest first.
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

// Events returns the events of a batch. Errors: store.ErrNotFound,
// store.ErrEventsPurged.
func (s *Store) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	return func(yield func(metrics.Event, error) bool) {
		b, err := s.find(ctx, id)
		if err == nil && b.EventsPurged {
			err = fmt.Errorf("memstore: batch %q: %w", id, store.ErrEventsPurged)
		}
		for _, e := range b.events {
			if err = ctx.Err(); err != nil || !yield(e, nil) {
				break
			}
		}
		if err != nil {
			yield(metrics.Event{}, err)
		}
	}
}

// Attachment returns the attachment as one chunk. Errors: store.ErrNotFound.
func (s *Store) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b, err := s.find(ctx, id)
		if err != nil {
			yield(nil, err)
			return
		}
		if chunk, ok := b.attachments[name]; ok {
			yield(slices.Clone(chunk), nil)
		}
	}
}

// SetStatus moves a batch to another status. Errors: store.ErrNotFound,
// store.ErrConflict.
func (s *Store) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	if !slices.Contains(from, b.Status) {
		return fmt.Errorf("memstore: batch %q is %s: %w", id, b.Status, store.ErrConflict)
	}
	b.Status, b.LastError, b.Updated = to, cause, now()
	return nil
}

// Record enters a contribution into the ledger once. Errors:
// store.ErrNotFound.
func (s *Store) Record(ctx context.Context, id string, c metrics.Contribution) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.findLocked(ctx, id)
	if err != nil {
		return err
	}
	if _, ok := s.ledger[id]; !ok {
		s.ledger[id] = entry{metrics.Merge(c), now()} // a copy
		b.attachments = maps.Clone(b.attachments)
		delete(b.attachments, store.PendingContribution)
	}
	return nil
}

// DayCount sums the ledger.
func (s *Store) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return func(yield func(metrics.DayCount, error) bool) {
		s.mu.RLock()
		var all []metrics.Contribution
		for _, e := range s.ledger {
			if q.MatchRecorded(e.recorded) {
				all = append(all, e.Contribution)
			}
		}
		sum := metrics.Merge(all...)
		s.mu.RUnlock()
		for _, d := range sum {
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

// DeleteBatch removes a batch and its contribution. Errors:
// store.ErrNotFound.
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

// Prune removes old batches that were never queued, and the remainders of
// writers that were not finished.
func (s *Store) Prune(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p store.Pruned
	if err := ctx.Err(); err != nil {
		return p, err
	}
	maps.DeleteFunc(s.batches, func(_ string, b *batch) bool {
		old := b.Status == store.Uploaded && b.Created.Before(q.Before)
		if old {
			p.Batches++
			p.Events += b.AcceptedRows
		}
		return old && !q.DryRun
	})
	maps.DeleteFunc(s.open, func(_ string, w *writer) bool {
		old := w.wrote.Before(q.Before)
		if old {
			p.Unfinished++
		}
		return old && !q.DryRun
	})
	return p, nil
}

// Ping returns nil: memory is always there.
func (s *Store) Ping(ctx context.Context) error { return ctx.Err() }

// now is the time as a batch keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
