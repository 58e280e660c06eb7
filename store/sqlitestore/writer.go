package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/columnar"
)

// errEnded is the error of a Writer that was committed, aborted, or has
// failed before.
var errEnded = errors.New("sqlitestore: the writer has ended")

// errClosed is the error of a Writer whose Store was closed.
var errClosed = errors.New("sqlitestore: the store is closed")

// writer fills one batch. Write collects rows in a Buffer; full ones go to the
// spooler, a goroutine that encodes and stores them.
type writer struct {
	st     *Store
	id     string
	seq    int64
	events int64
	buffer *columnar.Buffer
	chunks chunks
	err    error // why nothing more can be written
	ended  bool

	blocks *blocks      // of the spooler, while it runs
	spool  *spooler     // nil until the first Buffer is full
	result *store.Batch // of Commit
}

// Begin implements [store.Store].
func (s *Store) Begin(ctx context.Context, id string) (store.Writer, error) {
	w := &writer{
		st: s, id: id,
		buffer: columnar.NewBuffer(),
		blocks: &blocks{encoder: columnar.NewEncoder()},
	}
	s.sweepLeft(ctx)
	err := s.add(ctx, unsynced, func(tx *sql.Tx) error {
		var taken bool
		err := tx.QueryRowContext(ctx,
			`SELECT EXISTS(SELECT 1 FROM batches WHERE id = ?1) OR EXISTS(SELECT 1 FROM unfinished WHERE batch_id = ?1)
				OR EXISTS(SELECT 1 FROM archived WHERE id = ?1)`, id).Scan(&taken)
		if err != nil {
			return err
		}
		if taken {
			return store.ErrIDTaken
		}
		r, err := tx.ExecContext(ctx, "INSERT INTO unfinished(batch_id, touched, attached) VALUES(?, ?, 1)", id, s.now().UnixMilli())
		if err != nil {
			return err
		}
		w.seq, err = r.LastInsertId()
		return err
	})
	if err != nil {
		return nil, wrap(ctx, err, "begin batch %q", id)
	}
	s.heart.Add(w.seq)
	return w, nil
}

// Write implements [store.Writer]. After an error the Writer can only be
// aborted.
func (w *writer) Write(ctx context.Context, events []metrics.Event) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	for i := range events {
		if w.buffer.Full() {
			if err := w.handOver(ctx); err != nil {
				return w.fail(err)
			}
		}
		w.buffer.Append(&events[i])
	}
	w.events += int64(len(events))
	return nil
}

// open is ready, and notices soon that the upload was pruned or lost to a Claim.
// Commit finds out by itself: the upload is also gone when an earlier Commit that
// had an error has happened.
func (w *writer) open(ctx context.Context) error {
	err := w.ready(ctx)
	if err == nil && w.st.heart.Gone(w.seq) {
		err = wrap(ctx, store.ErrNotFound, "write batch %q", w.id)
	}
	return err
}

// ready returns the reason why the writer cannot go on.
func (w *writer) ready(ctx context.Context) error {
	switch {
	case w.ended:
		return errEnded
	case w.err != nil:
		return w.err
	}
	return wrap(ctx, ctx.Err(), "write batch %q", w.id)
}

// fail keeps the first error, after which the batch is incomplete.
func (w *writer) fail(err error) error {
	if err != nil {
		w.err = fmt.Errorf("sqlitestore: write batch %q: %w", w.id, markUnavailable(err))
	}
	return w.err
}

// handOver gives the full buffer to the spooler and takes an empty one.
func (w *writer) handOver(ctx context.Context) error {
	if w.spool == nil {
		w.spool = startSpooler(context.WithoutCancel(ctx), w)
	}
	next, err := w.spool.swap(ctx, w.buffer)
	if err != nil {
		return err
	}
	w.buffer = next
	return nil
}

// hold checks that the unfinished upload is still the writer's, and touches it.
func (w *writer) hold(ctx context.Context, tx *sql.Tx) error {
	ok, err := w.st.touch(ctx, tx, w.seq)
	if err == nil && !ok {
		err = store.ErrNotFound
	}
	return err
}

// join waits for the spooler, if there is one, and takes over its blocks.
func (w *writer) join() error {
	if w.spool == nil {
		return nil
	}
	err := w.spool.stop()
	w.spool = nil
	return err
}
