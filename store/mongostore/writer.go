package mongostore

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

var errEnded = errors.New("mongostore: writer has ended")

// writer fills a batch. It stores events as they come. The status of the
// batch's document makes them visible.
type writer struct {
	s       *Store
	id      string
	number  bson.ObjectID // in the batch's document
	inserts *inserter
	out     eventWriter
	events  int64
	pieces  map[string][]int64 // see batchDoc
	ended   bool
	result  *store.Batch // of Commit
}

// Begin implements [store.Store].
func (s *Store) Begin(ctx context.Context, id string) (store.Writer, error) {
	now, number := s.now(), bson.NewObjectID()
	added, err := s.run.Insert(ctx, s.batches, batchDoc{Key: id, ID: id, Status: statusUploading, Updated: now, Writer: number, Beat: newBeat()})
	if err == nil && !added {
		err = s.begunBefore(ctx, id, number)
	}
	if err != nil {
		return nil, wrap(err, "begin batch %q", id)
	}
	s.heart.Add(number)
	inserts := s.newInserter(ctx)
	return &writer{
		s: s, id: id, number: number, inserts: inserts, out: s.newEventWriter(id, number.Hex(), inserts), pieces: map[string][]int64{},
	}, nil
}

// begunBefore returns nil if an earlier try has added the document of a Writer but
// got no answer. Errors: store.ErrIDTaken.
func (s *Store) begunBefore(ctx context.Context, id string, number bson.ObjectID) error {
	var there batchDoc
	err := s.run.Find(ctx, s.batches, eq("_id", id), &there)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments): // removed meanwhile
		return store.ErrIDTaken
	case err == nil && there.Writer != number:
		return store.ErrIDTaken
	}
	return err
}

// Write implements [store.Writer].
func (w *writer) Write(ctx context.Context, events []metrics.Event) error {
	if err := w.usable(ctx); err != nil {
		return err
	}
	for i := range events {
		if err := w.out.add(ctx, &events[i]); err != nil {
			return wrap(err, "write batch %q", w.id)
		}
		w.events++
	}
	return nil
}

func (w *writer) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.ended {
		return errEnded
	}
	if w.s.heart.Gone(w.number) { // Commit finds out by itself
		return wrap(store.ErrNotFound, "write batch %q", w.id)
	}
	return w.failure()
}

func (w *writer) failure() error { return wrap(w.inserts.failure(), "write batch %q", w.id) }

// filter selects the document of the unfinished upload, as long as it is that of
// this Writer.
func (w *writer) filter() bson.D {
	return eq("_id", w.id, "status", statusUploading, "writer", w.number)
}

// Attach implements [store.Writer].
func (w *writer) Attach(ctx context.Context, name string, chunk []byte) error {
	if err := w.usable(ctx); err != nil {
		return err
	}
	for len(chunk) > 0 {
		n := min(len(chunk), attachmentPiece)
		attachment := versionName(name)
		sum, err := w.s.putPiece(ctx, w.id, name, piecePrefix(attachment, ""), len(w.pieces[attachment]), chunk[:n])
		if err != nil {
			w.inserts.fail(err)
			return wrap(err, "attach to batch %q", w.id)
		}
		w.pieces[attachment] = append(w.pieces[attachment], sum)
		chunk = chunk[n:]
	}
	return nil
}

// Commit implements [store.Writer].
func (w *writer) Commit(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
	if err := ctx.Err(); err != nil {
		return store.Batch{}, err
	}
	if w.result != nil {
		return *w.result, nil
	}
	if w.ended {
		return store.Batch{}, errEnded
	}
	err := w.out.flush(ctx)
	if err == nil {
		err = w.inserts.wait(ctx)
	}
	if err != nil {
		return store.Batch{}, wrap(err, "write batch %q", w.id)
	}
	sums, err := w.s.writePending(ctx, w.id, pending)
	if err != nil {
		return store.Batch{}, wrap(err, "commit batch %q", w.id)
	}
	if len(sums) > 0 {
		w.pieces[pendingPrefix] = sums
	}
	committed, err := w.s.commit(ctx, w, b)
	if err != nil {
		return store.Batch{}, wrap(err, "commit batch %q", w.id)
	}
	w.ended, w.result = true, &committed
	w.s.heart.Remove(w.number)
	w.inserts.cancel()
	return committed, nil
}

// Abort implements [store.Writer].
func (w *writer) Abort(ctx context.Context) error {
	w.s.heart.Remove(w.number)
	w.inserts.stop()
	if w.ended {
		return nil
	}
	w.ended = true
	return wrap(w.s.removeUnfinished(ctx, w), "abort batch %q", w.id)
}
