package sqlitestore

import (
	"context"
	"database/sql"
	"iter"

	"github.com/eventmetrics/eventmetrics/store"
)

const (
	// chunkSize is the size at which the small chunks of an attachment are
	// stored as one, and into which large ones are split.
	chunkSize = 128 << 10
	// chunksHeld is the size of all chunks that a Writer holds.
	chunksHeld = 512 << 10
)

// chunks are the attachments of a Writer that are not stored yet.
type chunks struct {
	open map[string]*openChunk
	held int
}

type openChunk struct {
	no   int64
	data []byte
}

// Attach implements [store.Writer].
func (w *writer) Attach(ctx context.Context, name string, chunk []byte) error {
	if err := w.ready(ctx); err != nil {
		return err
	}
	if w.chunks.open == nil {
		w.chunks.open = map[string]*openChunk{}
	}
	c := w.chunks.open[name]
	if c == nil {
		c = &openChunk{}
		w.chunks.open[name] = c
	}
	for len(chunk) > 0 {
		n := min(len(chunk), chunkSize-len(c.data))
		c.data = append(c.data, chunk[:n]...)
		w.chunks.held += n
		chunk = chunk[n:]
		if len(c.data) == chunkSize || w.chunks.held >= chunksHeld {
			if err := w.storeChunks(ctx, name); err != nil {
				return w.fail(err)
			}
		}
	}
	return w.fail(w.touch(ctx))
}

// storeChunks stores the chunk of name, or all chunks if they are large.
func (w *writer) storeChunks(ctx context.Context, name string) error {
	names := []string{name}
	if w.chunks.held >= chunksHeld {
		names = names[:0]
		for name := range w.chunks.open {
			names = append(names, name)
		}
	}
	err := w.st.add(ctx, unsynced, func(tx *sql.Tx) error {
		if err := w.hold(ctx, tx); err != nil {
			return err
		}
		for _, name := range names {
			if err := w.chunks.insert(ctx, tx, w.seq, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		w.chunks.done(name)
	}
	return nil
}

func (c *chunks) insert(ctx context.Context, tx *sql.Tx, seq int64, name string) error {
	open := c.open[name]
	if len(open.data) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO attachments(seq, name, no, data) VALUES(?, ?, ?, ?)",
		seq, name, open.no, open.data)
	return err
}

func (c *chunks) insertAll(ctx context.Context, tx *sql.Tx, seq int64) error {
	for name := range c.open {
		if err := c.insert(ctx, tx, seq, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *chunks) done(name string) {
	open := c.open[name]
	if len(open.data) == 0 {
		return
	}
	c.held -= len(open.data)
	open.no++
	open.data = open.data[:0]
}

// Attachment implements [store.Store]. No connection is held between chunks.
func (s *Store) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b, err := readBatch(ctx, s.reader, id)
		if err != nil {
			yield(nil, wrap(ctx, err, "read attachment %q of batch %q", name, id))
			return
		}
		for no, last := int64(-1), int64(-1); ; last = no {
			var data []byte
			err := s.reader.QueryRowContext(ctx,
				"SELECT no, data FROM attachments WHERE seq = ? AND name = ? AND no > ? ORDER BY no LIMIT 1", b.seq, name, last).Scan(&no, &data)
			if isNoRows(err) {
				if err := s.attachmentEnd(ctx, &b, name, last); err != nil {
					yield(nil, wrap(ctx, err, "read attachment %q of batch %q", name, id))
				}
				return
			}
			if err == nil && last >= 0 && no != last+1 {
				err = s.whyGap(ctx, &b)
			}
			if err != nil {
				yield(nil, wrap(ctx, err, "read attachment %q of batch %q", name, id))
				return
			}
			if !yield(data, nil) {
				return
			}
		}
	}
}

// whyGap returns the reason why chunks are missing: the batch was removed or the
// attachment replaced meanwhile.
func (s *Store) whyGap(ctx context.Context, b *batchRow) error {
	if _, err := readBatch(ctx, s.reader, b.ID); err != nil {
		return err
	}
	return store.ErrChanged
}

// attachmentEnd returns nil at the end of an attachment, and an error if the
// batch was deleted or the attachment replaced meanwhile.
func (s *Store) attachmentEnd(ctx context.Context, b *batchRow, name string, last int64) error {
	if _, err := readBatch(ctx, s.reader, b.ID); err != nil {
		return err
	}
	return s.unchanged(ctx, b, name, last)
}

var _ store.Writer = (*writer)(nil)
