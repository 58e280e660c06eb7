package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/columnar"
)

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// Events implements [store.Store]. It reads block by block and holds no
// connection or transaction between blocks, so that a slow caller does not keep
// the WAL from being reset. If the batch is deleted or its events are purged
// meanwhile, it ends with ErrNotFound or ErrEventsPurged; if events are erased,
// with ErrChanged.
func (s *Store) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	return func(yield func(metrics.Event, error) bool) {
		b, err := readBatch(ctx, s.reader, id)
		if err == nil && b.EventsPurged {
			err = store.ErrEventsPurged
		}
		if err != nil {
			yield(metrics.Event{}, wrap(ctx, err, "read events of batch %q", id))
			return
		}
		r := blockReader{s: s, b: &b}
		for no := range b.blocks {
			if err := r.read(ctx, no); err != nil {
				yield(metrics.Event{}, wrap(ctx, err, "read events of batch %q", id))
				return
			}
			if !yieldBlock(ctx, &r.decoder, yield) {
				return
			}
		}
		if err := r.end(); err != nil {
			yield(metrics.Event{}, wrap(ctx, err, "read events of batch %q", id))
		}
	}
}

// yieldBlock yields the rows of the block and reports whether to go on.
func yieldBlock(ctx context.Context, d *columnar.Decoder, yield func(metrics.Event, error) bool) bool {
	for e := (metrics.Event{}); d.Next(&e); {
		if err := ctx.Err(); err != nil {
			yield(metrics.Event{}, wrap(ctx, err, "read events"))
			return false
		}
		if !yield(e, nil) {
			return false
		}
	}
	return true
}

// blockReader reads the blocks of a batch in their order.
type blockReader struct {
	s       *Store
	b       *batchRow
	decoder columnar.Decoder
	sum     optionalSum
}

func (r *blockReader) read(ctx context.Context, no int64) error {
	data, err := r.s.blockData(ctx, r.b, no)
	if err != nil {
		return err
	}
	r.sum.addBlock(data)
	if err := r.decoder.Decode(data); err != nil {
		return errors.Join(metrics.ErrCorrupt, err)
	}
	return nil
}

// end compares what was read with what was written. Errors: metrics.ErrCorrupt.
func (r *blockReader) end() error { return r.b.proof.blocks.check(r.sum, "the list of blocks") }

func (s *Store) blockData(ctx context.Context, b *batchRow, no int64) ([]byte, error) {
	var data []byte
	err := s.reader.QueryRowContext(ctx, "SELECT data FROM blocks WHERE id = ?", b.source<<blockBits+no).Scan(&data)
	if isNoRows(err) {
		err = s.whyNoBlock(ctx, b, no)
	}
	return data, err
}

// whyNoBlock returns the reason why a block is missing: the batch was deleted
// or purged meanwhile, or it is damaged.
func (s *Store) whyNoBlock(ctx context.Context, b *batchRow, no int64) error {
	now, err := readBatch(ctx, s.reader, b.ID)
	switch {
	case err != nil:
		return err
	case now.seq != b.seq:
		return store.ErrNotFound
	case now.EventsPurged:
		return store.ErrEventsPurged
	case now.source != b.source:
		return store.ErrChanged
	}
	return fmt.Errorf("%w: block %d is missing", metrics.ErrCorrupt, no)
}
