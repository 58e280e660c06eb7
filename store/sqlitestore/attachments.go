package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"hash/crc32"
	"iter"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
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
	sums []uint32 // of the chunks that are stored
}

// Attach implements [store.Writer].
func (w *writer) Attach(ctx context.Context, name string, chunk []byte) error {
	if err := w.open(ctx); err != nil {
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
	return nil
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
	open.sums = append(open.sums, crc32.ChecksumIEEE(open.data))
	open.no++
	open.data = open.data[:0]
}

// attached returns the attachments of a batch that is about to be committed.
func (c *chunks) attached() map[string]attached {
	all := map[string]attached{}
	for name, open := range c.open {
		sums := slices.Clip(open.sums)
		if len(open.data) > 0 {
			sums = append(sums, crc32.ChecksumIEEE(open.data))
		}
		if len(sums) > 0 {
			all[name] = attached{sums: sums}
		}
	}
	return all
}

// Attachment implements [store.Store]. No connection is held between chunks.
func (s *Store) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b, err := readBatch(ctx, s.reader, id)
		if err != nil {
			yield(nil, wrap(ctx, err, "read attachment %q of batch %q", name, id))
			return
		}
		for i := range b.proof.attached[name].sums {
			data, err := s.chunk(ctx, &b, name, i)
			if err != nil {
				yield(nil, wrap(ctx, err, "read attachment %q of batch %q", name, id))
				return
			}
			if !yield(data, nil) {
				return
			}
		}
		if _, err := readBatch(ctx, s.reader, id); err != nil { // deleted meanwhile
			yield(nil, wrap(ctx, err, "read attachment %q of batch %q", name, id))
		}
	}
}

// chunk reads a chunk of an attachment. Errors: store.ErrNotFound,
// store.ErrChanged, metrics.ErrCorrupt.
func (s *Store) chunk(ctx context.Context, b *batchRow, name string, i int) ([]byte, error) {
	all := b.proof.attached[name]
	var data []byte
	err := s.reader.QueryRowContext(ctx, "SELECT data FROM attachments WHERE seq = ? AND name = ? AND no = ?",
		b.seq, name, all.first+int64(i)).Scan(&data)
	switch {
	case isNoRows(err):
		return nil, s.whyNoChunk(ctx, b, name)
	case err != nil:
		return nil, err
	case crc32.ChecksumIEEE(data) != all.sums[i]:
		return nil, fmt.Errorf("%w: chunk %d", metrics.ErrCorrupt, i)
	}
	return data, nil
}

// whyNoChunk returns the reason why a chunk is missing: the batch was deleted or
// the attachment replaced meanwhile, or it is damaged.
func (s *Store) whyNoChunk(ctx context.Context, b *batchRow, name string) error {
	now, err := readBatch(ctx, s.reader, b.ID)
	was := b.proof.attached[name]
	switch is := now.proof.attached[name]; {
	case err != nil:
		return err
	case now.seq != b.seq:
		return store.ErrNotFound
	case is.first != was.first || !slices.Equal(is.sums, was.sums):
		return store.ErrChanged
	}
	return fmt.Errorf("%w: a chunk is missing", metrics.ErrCorrupt)
}

var _ store.Writer = (*writer)(nil)
