package mongostore

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/columnar"
)

// copyDoc names a generation of blocks that an erasure is writing.
type copyDoc struct {
	Generation string    `bson:"generation"`
	Began      time.Time `bson:"began_at"`
}

// eraseBlocks erases events of a batch with blocks. It writes the blocks that are
// left under another generation, which a change of the batch's document then makes
// that of the batch. The document names the generation before its first block is
// written, so that a later erasure or Prune finds what a lost process leaves.
func (s *Store) eraseBlocks(ctx context.Context, d *batchDoc, e *store.Erasure) (int64, error) {
	c := &blockCopier{s: s, from: d, e: e, generation: bson.NewObjectID().Hex()}
	now, err := c.erase(ctx)
	if errors.Is(err, store.ErrChanged) { // by another erasure
		err = store.ErrConflict
	}
	if err != nil || c.erased == 0 {
		return 0, err
	}
	return c.erased, s.dropBlocks(ctx, now)
}

// blockCopier copies the blocks of a batch without some events.
type blockCopier struct {
	s          *Store
	from       *batchDoc
	e          *store.Erasure
	generation string
	erased     int64
	first      int64 // block that has such an event
}

func (c *blockCopier) erase(ctx context.Context) (now *batchDoc, err error) {
	if err := c.search(ctx); err != nil || c.erased == 0 {
		return nil, err
	}
	inserts := c.s.newInserter(ctx)
	w := c.s.newBlockWriter(c.from.ID, c.generation, inserts)
	err = c.begin(ctx)
	if err == nil {
		err = c.copyAll(ctx, w)
	}
	if err == nil {
		now, err = c.swap(ctx, w)
	}
	inserts.stop()
	if err != nil {
		c.drop(ctx)
		return nil, err
	}
	return now, nil
}

func (c *blockCopier) selects(e *metrics.Event) bool { return e.Field(c.e.Field) == c.e.Value }

// search counts the events to be erased.
func (c *blockCopier) search(ctx context.Context) error {
	return c.s.eachBlock(ctx, c.from, func(no int64, _ []byte, events *columnar.Decoder) error {
		n := events.Count(c.selects)
		if c.erased == 0 {
			c.first = no
		}
		c.erased += n
		return nil
	})
}

// change changes the document of the batch if its events are still those that are
// copied.
func (c *blockCopier) change(ctx context.Context, f func(now *batchDoc) error) (*batchDoc, error) {
	return c.s.change(ctx, c.from.ID, func(now *batchDoc) error {
		if err := mayErase(now, c.e); err != nil {
			return err
		}
		if now.Generation != c.from.Generation {
			return store.ErrConflict
		}
		return f(now)
	})
}

// begin names the new generation in the document of the batch.
func (c *blockCopier) begin(ctx context.Context) error {
	_, err := c.change(ctx, func(now *batchDoc) error {
		now.Copies = append(now.Copies, copyDoc{c.generation, c.s.now()})
		return nil
	})
	return err
}

// copyAll copies the blocks before the first event to erase unchanged. The others
// are encoded again, because blocks refer to the dictionaries of earlier ones.
func (c *blockCopier) copyAll(ctx context.Context, w *blockWriter) error {
	err := c.s.eachBlock(ctx, c.from, func(no int64, data []byte, events *columnar.Decoder) error {
		if no < c.first {
			return w.put(ctx, data)
		}
		w.buffer.AppendOthers(events, c.selects)
		return w.encode(ctx)
	})
	if err == nil {
		err = w.flush(ctx)
	}
	if err == nil {
		err = w.inserts.wait(ctx)
	}
	return err
}

// swap makes the new blocks those of the batch. All others are stale then, also
// other copies of the old ones.
func (c *blockCopier) swap(ctx context.Context, w *blockWriter) (*batchDoc, error) {
	return c.change(ctx, func(now *batchDoc) error {
		mine := func(o copyDoc) bool { return o.Generation == c.generation }
		if !slices.ContainsFunc(now.Copies, mine) { // a Prune has taken it for that of a lost process
			return store.ErrConflict
		}
		now.StaleBlocks = append(now.StaleBlocks, now.Generation)
		for _, o := range now.Copies {
			if !mine(o) {
				now.StaleBlocks = append(now.StaleBlocks, o.Generation)
			}
		}
		now.Copies = nil
		now.Erased, now.Erasure = now.Erased+c.erased, c.e.ID
		w.note(now)
		return nil
	})
}

// dropTime is the time that an erasure which has failed has for removing its copy.
const dropTime = time.Second

// drop removes a copy that is not used. After a swap without an answer, the copy
// may be the blocks of the batch: its document tells. A copy that was overtaken is
// not named any more, and blocks may have come after it was removed.
func (c *blockCopier) drop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTime)
	defer cancel()
	d, err := c.s.dropCopies(ctx, c.from.ID, func(o copyDoc) bool { return o.Generation == c.generation })
	if err == nil && d.Generation == c.generation {
		return
	}
	if err == nil || errors.Is(err, store.ErrNotFound) || isDamaged(err) {
		err = c.s.removeBlocks(ctx, c.from.ID+"/"+c.generation)
	}
	if err != nil {
		c.s.run.Log.WarnContext(ctx, "copy of blocks left for the next cleanup", "batch", c.from.ID, "err", err)
	}
}

// dropCopies makes copies stale, and removes what is stale.
func (s *Store) dropCopies(ctx context.Context, id string, drop func(copyDoc) bool) (*batchDoc, error) {
	d, err := s.change(ctx, id, func(d *batchDoc) error {
		for _, o := range d.Copies {
			if drop(o) {
				d.StaleBlocks = append(d.StaleBlocks, o.Generation)
			}
		}
		before := len(d.Copies)
		if d.Copies = slices.DeleteFunc(d.Copies, drop); len(d.Copies) == before {
			return errUnchanged
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	return d, s.dropBlocks(ctx, d)
}

// dropBlocks removes the blocks that the document of a batch names as stale.
func (s *Store) dropBlocks(ctx context.Context, d *batchDoc) error {
	for _, generation := range d.StaleBlocks {
		if err := s.removeBlocks(ctx, d.ID+"/"+generation); err != nil {
			return err
		}
		_, err := s.change(ctx, d.ID, func(d *batchDoc) error {
			before := len(d.StaleBlocks)
			d.StaleBlocks = slices.DeleteFunc(d.StaleBlocks, func(g string) bool { return g == generation })
			if len(d.StaleBlocks) == before {
				return errUnchanged
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// finishCopying removes what is stale, and the copies that were begun before a
// moment: their processes are lost.
func (s *Store) finishCopying(ctx context.Context, d *batchDoc, before time.Time) error {
	if len(d.StaleBlocks)+len(d.Copies) == 0 {
		return nil
	}
	_, err := s.dropCopies(ctx, d.ID, func(c copyDoc) bool { return c.Began.Before(before) })
	return err
}
