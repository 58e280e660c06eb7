package mongostore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

var errEnded = errors.New("mongostore: writer has ended")

// writer fills a batch. It inserts events as they come. The status of the
// batch's document makes them visible.
type writer struct {
	s       *Store
	id      string
	number  bson.ObjectID // in the batch's document
	encoder eventEncoder
	buffer  []byte
	piece   command.Piece
	events  int64
	summer  eventSummer
	sum     int64              // of the checksums of the events
	pieces  map[string][]int64 // see batchDoc
	ended   bool
	result  *store.Batch // of Commit

	// background is the context of the inserts. Those of the calls may end as
	// soon as the calls return.
	background context.Context //nolint:containedctx // ends with the writer
	cancel     context.CancelFunc
	inserting  sync.WaitGroup
	slots      chan struct{} // one per insert command that is running
	mu         sync.Mutex
	err        error // of the first that failed
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
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &writer{
		s: s, id: id, number: number, background: background, cancel: cancel, encoder: eventEncoder{batch: id}, pieces: map[string][]int64{},
		slots: make(chan struct{}, s.opts.Inserters),
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
		start := len(w.buffer)
		w.buffer = w.encoder.append(w.buffer, &events[i], "")
		if len(w.buffer)-start > command.MaxDocument {
			return fmt.Errorf("mongostore: row %d takes %d bytes, MongoDB keeps %d", events[i].Row, len(w.buffer)-start, command.MaxDocument)
		}
		w.piece.Add(w.buffer[start:len(w.buffer):len(w.buffer)])
		w.events++
		w.sum += w.summer.of(&events[i])
		if w.piece.Full() {
			if err := w.flush(ctx); err != nil {
				return err
			}
		}
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

func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// flush starts an insert of the events gathered so far. Their documents are parts
// of one buffer. When append moves the buffer, the earlier documents keep the old
// one.
func (w *writer) flush(ctx context.Context) error {
	if len(w.piece.Docs) == 0 {
		return nil
	}
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	docs := w.piece.Docs
	w.piece, w.buffer = command.Piece{}, make([]byte, 0, cap(w.buffer))
	w.inserting.Go(func() {
		if err := w.s.insertEvents(w.background, w.id, docs); err != nil {
			w.fail(wrap(err, "write batch %q", w.id))
		}
		<-w.slots
	})
	return w.failure()
}

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
			err = wrap(err, "attach to batch %q", w.id)
			w.fail(err)
			return err
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
	if err := w.flush(ctx); err != nil {
		return store.Batch{}, err
	}
	if err := w.wait(ctx); err != nil {
		return store.Batch{}, err
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
	w.cancel()
	return committed, nil
}

// wait waits until all events are stored, or ctx ends.
func (w *writer) wait(ctx context.Context) error {
	for range cap(w.slots) { // until it holds all slots
		select {
		case w.slots <- struct{}{}:
			defer func() { <-w.slots }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return w.failure()
}

// Abort implements [store.Writer].
func (w *writer) Abort(ctx context.Context) error {
	w.s.heart.Remove(w.number)
	w.cancel()
	w.inserting.Wait()
	if w.ended {
		return nil
	}
	w.ended = true
	return wrap(w.s.removeUnfinished(ctx, w), "abort batch %q", w.id)
}
