package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore/internal/columnar"
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
		var d columnar.Decoder
		for no := range b.blocks {
			if err := s.readBlock(ctx, &d, &b, no); err != nil {
				yield(metrics.Event{}, wrap(ctx, err, "read events of batch %q", id))
				return
			}
			if !yieldBlock(ctx, &d, yield) {
				return
			}
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

func (s *Store) readBlock(ctx context.Context, d *columnar.Decoder, b *batchRow, no int64) error {
	data, err := s.blockData(ctx, b, no)
	if err != nil {
		return err
	}
	return d.Decode(data)
}

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
	return fmt.Errorf("%w: block %d is missing", columnar.ErrCorrupt, no)
}
