package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/columnar"
)

// Erase implements [store.Retainer]. It writes new blocks under another source
// in short transactions; the last transaction makes them the blocks of the
// batch. Blocks before the first event to erase are copied. The others are
// encoded again, because blocks refer to the dictionaries of earlier ones.
// Prune removes what a crash leaves.
func (s *Store) Erase(ctx context.Context, id string, e store.Erasure) (int64, error) {
	n, err := s.erase(ctx, id, &e)
	if errors.Is(err, store.ErrChanged) { // by another erasure
		err = store.ErrConflict
	}
	return n, wrap(ctx, err, "erase from batch %q", id)
}

func (s *Store) erase(ctx context.Context, id string, e *store.Erasure) (int64, error) {
	b, err := readBatch(ctx, s.reader, id)
	if err == nil {
		err = mayErase(&b, e)
	}
	if err != nil {
		return 0, err
	}
	c := &copier{s: s, from: b, e: e, blocks: blocks{encoder: columnar.NewEncoder()}, buffer: columnar.NewBuffer()}
	if err := c.search(ctx); err != nil || c.erased == 0 {
		return 0, err
	}
	err = c.copyAll(ctx)
	if err == nil {
		err = s.update(ctx, synced, func(tx *sql.Tx) error { return c.swap(ctx, tx) })
	}
	if err != nil {
		c.drop(context.WithoutCancel(ctx))
		return 0, err
	}
	s.sweepLater(ctx, b.source)
	return c.erased, nil
}

func mayErase(b *batchRow, e *store.Erasure) error {
	switch {
	case b.EventsPurged:
		return store.ErrEventsPurged
	case b.Erasure != e.After && b.Erasure != e.ID:
		return store.ErrConflict
	}
	return nil
}

// copier copies the blocks of a batch without some events.
type copier struct {
	s      *Store
	from   batchRow
	e      *store.Erasure
	erased int64
	first  int64 // block that has such an event

	name    string // of the unfinished upload, while it is one
	source  int64
	blocks  blocks
	buffer  *columnar.Buffer
	decoder columnar.Decoder
}

func (c *copier) selects(e *metrics.Event) bool { return e.Field(c.e.Field) == c.e.Value }

// search counts the events to be erased. Errors: metrics.ErrCorrupt when not all
// events can be read.
func (c *copier) search(ctx context.Context) error {
	r := blockReader{s: c.s, b: &c.from}
	for no := range c.from.blocks {
		if err := r.read(ctx, no); err != nil {
			return err
		}
		n := r.decoder.Count(c.selects)
		if c.erased == 0 {
			c.first = no
		}
		c.erased += n
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return r.end()
}

func (c *copier) copyAll(ctx context.Context) error {
	c.name = c.from.ID + " " + rand.Text()
	err := c.s.update(ctx, unsynced, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "INSERT INTO unfinished(batch_id, touched, attached) VALUES(?, ?, 0)", c.name, c.s.now().UnixMilli())
		if err != nil {
			return err
		}
		c.source, err = r.LastInsertId()
		return err
	})
	for no := int64(0); err == nil && no < c.from.blocks; no++ {
		if err = c.copyBlock(ctx, no); err == nil && len(c.blocks.pending) >= spoolBytes {
			err = c.flush(ctx)
		}
	}
	return err
}

func (c *copier) copyBlock(ctx context.Context, no int64) error {
	data, err := c.s.blockData(ctx, &c.from, no)
	if err != nil {
		return err
	}
	if err := c.decoder.Decode(data); err != nil {
		return err
	}
	if no < c.first {
		start := len(c.blocks.pending)
		c.blocks.pending = append(c.blocks.pending, data...)
		c.blocks.end(start)
		return nil
	}
	c.buffer.AppendOthers(&c.decoder, c.selects)
	if c.buffer.Len() > 0 {
		c.blocks.encode(c.buffer)
		c.buffer.Reset()
	}
	return nil
}

func (c *copier) flush(ctx context.Context) error {
	err := c.s.add(ctx, unsynced, func(tx *sql.Tx) error { return c.insert(ctx, tx) })
	if err == nil {
		c.blocks.done()
	}
	return err
}

func (c *copier) insert(ctx context.Context, tx *sql.Tx) error {
	ok, err := changed(tx.ExecContext(ctx,
		"UPDATE unfinished SET touched = ? WHERE seq = ? AND batch_id = ?", c.s.now().UnixMilli(), c.source, c.name))
	if err == nil && !ok {
		err = errors.New("the copy was pruned")
	}
	if err != nil {
		return err
	}
	return c.blocks.insert(ctx, tx, c.source)
}

// swap gives the batch its new blocks, if it is still what was copied.
func (c *copier) swap(ctx context.Context, tx *sql.Tx) error {
	now, err := readBatch(ctx, tx, c.from.ID)
	if err == nil {
		err = mayErase(&now, c.e)
	}
	if err == nil && (now.seq != c.from.seq || now.source != c.from.source) {
		err = store.ErrConflict
	}
	if err != nil {
		return err
	}
	if err := c.insert(ctx, tx); err != nil {
		return err
	}
	was := now.source
	now.source, now.blocks, now.proof.blocks = c.source, c.blocks.n+int64(len(c.blocks.ends)), c.blocks.sum
	now.Erased, now.Erasure = now.Erased+c.erased, c.e.ID
	if err := now.save(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM unfinished WHERE seq = ?", c.source); err != nil {
		return err
	}
	return c.s.discard(ctx, tx, was, false)
}

// drop removes a copy that is not used.
func (c *copier) drop(ctx context.Context) {
	if err := c.s.giveBack(ctx, leftover{c.source, c.name}); err != nil {
		c.s.log.Warn("left a copy of blocks for the next upload", "batch", c.from.ID, "err", err)
	}
}
