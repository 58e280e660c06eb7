package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// writer is a batch that is in Store.open until it is committed, aborted or
// pruned.
type writer struct {
	st *Store
	batch
	wrote time.Time
}

// Begin starts a new batch.
func (s *Store) Begin(ctx context.Context, id string) (store.Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &writer{st: s, wrote: time.Now()}
	w.ID, w.attachments = id, map[string][]byte{}
	s.open[id] = w
	return w, nil
}

// Write keeps copies of the events.
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
	w.wrote = time.Now()
	return nil
}

// Attach appends a copy of the chunk.
func (w *writer) Attach(ctx context.Context, name string, chunk []byte) error {
	w.st.mu.Lock()
	defer w.st.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	w.attachments[name] = append(w.attachments[name], chunk...)
	w.wrote = time.Now()
	return nil
}

// Commit makes the batch visible. Errors: store.ErrKeyTaken,
// store.ErrNotFound.
func (w *writer) Commit(ctx context.Context, b store.Batch) (store.Batch, error) {
	s := w.st
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return store.Batch{}, err
	}
	if s.open[w.ID] != w {
		return store.Batch{}, fmt.Errorf("memstore: commit %q: %w", w.ID, store.ErrNotFound)
	}
	for _, other := range s.batches {
		if b.IdempotencyKey != "" && other.IdempotencyKey == b.IdempotencyKey && other.KeyExpires.After(b.Created) {
			return store.Batch{}, fmt.Errorf("memstore: commit %q: %w", w.ID, store.ErrKeyTaken)
		}
	}
	w.Batch = store.Batch{
		ID: w.ID, FileName: b.FileName, SHA256: b.SHA256,
		AcceptedRows: int64(len(w.events)), RejectedRows: b.RejectedRows, DuplicateRows: b.DuplicateRows, Status: store.Uploaded,
		IdempotencyKey: b.IdempotencyKey, KeyExpires: b.KeyExpires.UTC().Truncate(time.Millisecond),
		RepairOf: b.RepairOf,
		Created:  b.Created.UTC().Truncate(time.Millisecond), Updated: now(),
	}
	delete(s.open, w.ID)
	s.batches[w.ID] = &w.batch
	return w.Batch, nil
}

// Abort forgets what was written, if it was not committed.
func (w *writer) Abort(context.Context) error {
	w.st.mu.Lock()
	defer w.st.mu.Unlock()
	if w.st.open[w.ID] == w {
		delete(w.st.open, w.ID)
	}
	return nil
}
