package mongostore

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/internal/columnar"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// blocksPage is the number of blocks that one query reads, or fewer if they take
// more than eventsBytes.
const blocksPage = 16

// blockReader reads the blocks of a batch in their order.
type blockReader struct {
	s       *Store
	d       *batchDoc
	decoder columnar.Decoder
	n       int64 // blocks read so far
	sum     int64 // of their checksums
}

// each calls use with each block, which the decoder has decoded, until it returns
// false. Errors: metrics.ErrCorrupt, also when the blocks were removed meanwhile.
func (r *blockReader) each(ctx context.Context, use func(data []byte) (more bool, err error)) error {
	for r.n < r.d.Blocks {
		page, err := r.page(ctx)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return checksum.Corrupt("block %d is missing", r.n)
		}
		for _, doc := range page {
			data, err := r.decode(doc)
			if err != nil {
				return err
			}
			if more, err := use(data); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// page reads the next blocks.
func (r *blockReader) page(ctx context.Context) (page []bson.Raw, err error) {
	key := func(n int64) string { return blockKey(r.d.ID, r.d.Generation, n) }
	filter := eq("_id", eq("$gte", key(r.n), "$lt", key(min(r.n+blocksPage, r.d.Blocks))))
	opts := options.Find().SetSort(byKey()).SetBatchSize(blocksPage)
	err = r.s.run.Do(ctx, func(ctx context.Context) error {
		page = page[:0]
		cursor, err := r.s.blocks.Find(ctx, filter, opts)
		if err != nil {
			return err
		}
		defer cursor.Close(context.WithoutCancel(ctx)) //nolint:errcheck // cursor.Err has it
		for size := 0; size < eventsBytes && cursor.Next(ctx); size += len(cursor.Current) {
			page = append(page, slices.Clone(cursor.Current))
		}
		return cursor.Err()
	})
	return page, err
}

// decode decodes the next block. Errors: metrics.ErrCorrupt.
func (r *blockReader) decode(doc bson.Raw) ([]byte, error) {
	key := blockKey(r.d.ID, r.d.Generation, r.n)
	if id, _ := doc.Lookup("_id").StringValueOK(); id != key {
		return nil, checksum.Corrupt("block %d is missing", r.n)
	}
	_, data, ok := doc.Lookup("data").BinaryOK()
	if !ok {
		return nil, checksum.Corrupt("block %d has no data", r.n)
	}
	if err := r.decoder.Decode(data); err != nil {
		return nil, checksum.Corrupt("block %d: %v", r.n, err)
	}
	r.n, r.sum = r.n+1, r.sum+blockSum(key, data)
	return data, nil
}

// yieldBlocks is yieldEvents for a batch with blocks.
func (s *Store) yieldBlocks(ctx context.Context, d *batchDoc, yield func(metrics.Event, error) bool) error {
	r := blockReader{s: s, d: d}
	var rows int64
	more := true
	err := r.each(ctx, func([]byte) (bool, error) {
		for e := (metrics.Event{}); more && r.decoder.Next(&e); {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			rows++
			more = yield(e, nil)
		}
		return more, nil
	})
	switch {
	case isDamaged(err):
		return s.whyDamaged(ctx, d, err)
	case err != nil || !more:
		return err
	}
	return s.checkWhole(ctx, d, rows, r.sum)
}

// eachBlock calls use with each block of a batch: its number, bytes and events.
// Errors: store.ErrChanged; metrics.ErrCorrupt.
func (s *Store) eachBlock(ctx context.Context, d *batchDoc, use func(no int64, data []byte, events *columnar.Decoder) error) error {
	r := blockReader{s: s, d: d}
	err := r.each(ctx, func(data []byte) (bool, error) {
		return true, errors.Join(ctx.Err(), use(r.n-1, data, &r.decoder))
	})
	if err == nil && r.sum != d.EventsSum {
		err = checksum.Corrupt("blocks are not what was written")
	}
	if isDamaged(err) {
		err = s.whyDamaged(ctx, d, err)
	}
	return err
}
