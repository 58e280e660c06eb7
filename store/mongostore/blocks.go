package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/internal/columnar"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// An EventsLayout says how a Store keeps the events of the batches that it adds.
// The batches of one database may have different layouts: each says which it has.
type EventsLayout string

const (
	// Documents is a document per event, with its columns by name, which other
	// tools can query.
	Documents EventsLayout = "documents"
	// Blocks is a document per 16,000 events, which only this module can read.
	// It takes a small part of the time and the disk space of Documents.
	Blocks EventsLayout = "blocks"
)

var errLayout = errors.New("mongostore: Options.Events is neither Documents nor Blocks")

// blockKey is the _id of a block: batch/generation/number. The generation is
// another one after each erasure.
func blockKey(batch, generation string, n int64) string {
	return fmt.Sprintf("%s/%s/%08x", batch, generation, n)
}

// blockSum returns the checksum of a block.
func blockSum(key string, data []byte) int64 { return checksum.Bytes([]byte(key), data) }

// blockDoc encodes the document of a block.
func blockDoc(key, batch string, data []byte) []byte {
	b, start := openDoc(make([]byte, 0, len(key)+len(batch)+len(data)+64))
	b = appendString(b, "_id", key)
	b = appendString(b, "batch_id", batch)
	return closeDoc(appendBinary(b, "data", data), start)
}

// blockWriter stores the events of a batch as blocks.
type blockWriter struct {
	s                 *Store
	batch, generation string
	inserts           *inserter
	buffer            *columnar.Buffer
	encoder           *columnar.Encoder
	piece             command.Piece
	n                 int64 // blocks so far
	sum               int64 // of their checksums
}

func (s *Store) newBlockWriter(batch, generation string, inserts *inserter) *blockWriter {
	return &blockWriter{
		s: s, batch: batch, generation: generation, inserts: inserts,
		buffer: columnar.NewBuffer(), encoder: columnar.NewEncoder(),
	}
}

func (w *blockWriter) add(ctx context.Context, e *metrics.Event) error {
	if w.buffer.Full() {
		if err := w.encode(ctx); err != nil {
			return err
		}
	}
	w.buffer.Append(e)
	return nil
}

// encode makes a block of the events in the buffer, if there are any.
func (w *blockWriter) encode(ctx context.Context) error {
	if w.buffer.Len() == 0 {
		return nil
	}
	block := w.encoder.Encode(nil, w.buffer)
	w.buffer.Reset()
	return w.put(ctx, block)
}

// put adds a block. A buffer is full at 4 MiB, so only a row of many megabytes
// makes a block too large.
func (w *blockWriter) put(ctx context.Context, data []byte) error {
	key := blockKey(w.batch, w.generation, w.n)
	doc := blockDoc(key, w.batch, data)
	if len(doc) > command.MaxDocument {
		return fmt.Errorf("a block with a large row takes %d bytes, MongoDB keeps %d", len(doc), command.MaxDocument)
	}
	w.piece.Add(doc)
	w.n, w.sum = w.n+1, w.sum+blockSum(key, data)
	if w.piece.Full() {
		return w.send(ctx)
	}
	return nil
}

func (w *blockWriter) flush(ctx context.Context) error {
	if err := w.encode(ctx); err != nil {
		return err
	}
	return w.send(ctx)
}

func (w *blockWriter) send(ctx context.Context) error {
	if len(w.piece.Docs) == 0 {
		return nil
	}
	docs := w.piece.Docs
	err := w.inserts.start(ctx, func(ctx context.Context) error { return w.s.insertBlocks(ctx, docs) })
	if err != nil {
		return err
	}
	w.piece = command.Piece{}
	return w.inserts.failure()
}

func (w *blockWriter) note(d *batchDoc) {
	d.Generation, d.Blocks, d.EventsSum = w.generation, w.n, w.sum
}

func (s *Store) insertBlocks(ctx context.Context, docs []bson.Raw) error {
	refused, err := s.run.InsertAll(ctx, s.blocks, docs)
	if err == nil && len(refused) > 0 {
		err = errors.New("the collection has a unique index that it should not have")
	}
	if err != nil {
		return fmt.Errorf("insert blocks: %w", err)
	}
	return nil
}

// removePage is the number of blocks that one command deletes.
const removePage = 500

// removeBlocks deletes blocks: all of a batch, or those of a generation if the
// owner is batch/generation.
func (s *Store) removeBlocks(ctx context.Context, owner string) error {
	opts := options.Find().SetSort(byKey()).SetProjection(eq("_id", 1)).SetLimit(removePage)
	for {
		keys, err := command.FindAll[bson.Raw](ctx, s.run, s.blocks, s.ownedBy(s.blocks, owner), opts)
		if err != nil || len(keys) == 0 {
			return err
		}
		first, last := keys[0].Lookup("_id"), keys[len(keys)-1].Lookup("_id")
		if err := s.run.Remove(ctx, s.blocks, eq("_id", eq("$gte", first, "$lte", last)), nil); err != nil {
			return err
		}
	}
}
