package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// writer fills a batch. It is in Store.open until it is committed, aborted or
// pruned.
type writer struct {
	st *Store
	batch
	called time.Time // the last time

	result *store.Batch // of Commit
}

// Begin implements [store.Store].
func (s *Store) Begin(ctx context.Context, id string) (store.Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.open[id] != nil || s.countsLocked(id) {
		return nil, fmt.Errorf("memstore: begin %q: %w", id, store.ErrIDTaken)
	}
	w := &writer{st: s, called: time.Now()}
	w.ID, w.attachments = id, map[string][]byte{}
	s.open[id] = w
	return w, nil
}

// Write implements [store.Writer]. It copies the Fields slices, which belong to
// the caller.
func (w *writer) Write(ctx context.Context, events []metrics.Event) error {
	w.st.mu.Lock()
	defer w.st.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, e := range events {
		e.Fields = slices.Clone(e.Fields)
		w.events = append(w.events, e)
	}
	w.called = time.Now()
	return nil
}

// Attach implements [store.Writer].
func (w *writer) Attach(ctx context.Context, name string, chunk []byte) error {
	w.st.mu.Lock()
	defer w.st.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	w.attachments[name] = append(w.attachments[name], chunk...)
	w.called = time.Now()
	return nil
}

// Commit implements [store.Writer].
func (w *writer) Commit(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
	s := w.st
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return store.Batch{}, err
	}
	if w.result != nil {
		return *w.result, nil
	}
	if s.open[w.ID] != w { // pruned
		return store.Batch{}, fmt.Errorf("memstore: commit %q: %w", w.ID, store.ErrNotFound)
	}
	if s.holderLocked(b.IdempotencyKey, b.Created) != nil {
		return store.Batch{}, fmt.Errorf("memstore: commit %q: %w", w.ID, store.ErrKeyTaken)
	}
	w.Batch = w.committed(&b)
	if len(pending) > 0 {
		w.pending = metrics.Merge(pending) // a copy
	}
	result := w.Batch
	w.result = &result
	delete(s.open, w.ID)
	delete(s.keys, w.IdempotencyKey) // of another batch, and expired
	s.batches[w.ID] = &w.batch
	return result, nil
}

// committed returns the batch that Commit makes from b: some fields are the
// caller's, the others are the store's.
func (w *writer) committed(b *store.Batch) store.Batch {
	return store.Batch{
		ID:             w.ID,
		FileName:       b.FileName,
		SHA256:         b.SHA256,
		AcceptedRows:   int64(len(w.events)),
		RejectedRows:   b.RejectedRows,
		DuplicateRows:  b.DuplicateRows,
		Status:         store.Uploaded,
		IdempotencyKey: b.IdempotencyKey,
		KeyExpires:     b.KeyExpires.UTC().Truncate(time.Millisecond),
		RepairOf:       b.RepairOf,
		Created:        b.Created.UTC().Truncate(time.Millisecond),
		Updated:        now(),
	}
}

// Abort implements [store.Writer].
func (w *writer) Abort(context.Context) error {
	w.st.mu.Lock()
	defer w.st.mu.Unlock()
	if w.st.open[w.ID] == w {
		delete(w.st.open, w.ID)
	}
	return nil
}
