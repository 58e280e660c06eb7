package mongostore

import (
	"context"
	"fmt"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// eventWriter stores the events of a batch in one layout.
type eventWriter interface {
	// add adds an event, and keeps its strings until they are stored.
	add(ctx context.Context, e *metrics.Event) error
	// flush starts to store what it was given so far.
	flush(ctx context.Context) error
	// note sets what the document of the batch says of the events.
	note(d *batchDoc)
}

// newEventWriter returns the eventWriter of a new batch. Each has its own
// generation, so that nothing of an earlier Writer with the same id is read.
func (s *Store) newEventWriter(id, generation string, inserts *inserter) eventWriter {
	if s.opts.Events == Blocks {
		return s.newBlockWriter(id, generation, inserts)
	}
	return &documentWriter{s: s, inserts: inserts, encoder: eventEncoder{batch: id}}
}

// documentWriter stores a document per event.
type documentWriter struct {
	s       *Store
	inserts *inserter
	encoder eventEncoder
	buffer  []byte
	piece   command.Piece
	summer  eventSummer
	sum     int64 // of the checksums of the events
}

func (w *documentWriter) add(ctx context.Context, e *metrics.Event) error {
	start := len(w.buffer)
	w.buffer = w.encoder.append(w.buffer, e, "")
	if len(w.buffer)-start > command.MaxDocument {
		return fmt.Errorf("row %d takes %d bytes, MongoDB keeps %d", e.Row, len(w.buffer)-start, command.MaxDocument)
	}
	w.piece.Add(w.buffer[start:len(w.buffer):len(w.buffer)])
	w.sum += w.summer.of(e)
	if w.piece.Full() {
		return w.flush(ctx)
	}
	return nil
}

// flush starts an insert of the events gathered so far. Their documents are parts
// of one buffer. When append moves the buffer, the earlier documents keep the old
// one.
func (w *documentWriter) flush(ctx context.Context) error {
	if len(w.piece.Docs) == 0 {
		return nil
	}
	docs := w.piece.Docs
	err := w.inserts.start(ctx, func(ctx context.Context) error { return w.s.insertEvents(ctx, w.encoder.batch, docs) })
	if err != nil {
		return err
	}
	w.piece, w.buffer = command.Piece{}, make([]byte, 0, cap(w.buffer))
	return w.inserts.failure()
}

func (w *documentWriter) note(d *batchDoc) { d.EventsSum = w.sum }

// insertEvents inserts the documents of events. Where a file has an event id
// twice, the later one is stored as id%row.
func (s *Store) insertEvents(ctx context.Context, batch string, docs []bson.Raw) error {
	for len(docs) > 0 {
		refused, err := s.run.InsertAll(ctx, s.events, docs)
		if err != nil {
			return fmt.Errorf("insert events: %w", err)
		}
		w := eventEncoder{batch: batch}
		again := make([]bson.Raw, 0, len(refused))
		var fields []metrics.Field
		for _, place := range refused {
			e, err := decodeEvent(docs[place], fields[:0])
			if err != nil {
				return err
			}
			fields = e.Fields
			taken := docs[place].Lookup("event_id").StringValue()
			again = append(again, w.append(nil, &e, taken+"%"+strconv.FormatInt(e.Row, 10)))
		}
		docs = again
	}
	return nil
}
