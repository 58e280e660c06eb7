package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// erasingDoc selects events by a field and its value.
type erasingDoc struct {
	Field string `bson:"field"`
	Value string `bson:"value"`
}

// has reports whether an event is one of them. A nil erasingDoc has none.
func (d *erasingDoc) has(e *metrics.Event) bool {
	return d != nil && e.Field(d.Field) == d.Value
}

func (d *erasingDoc) filter() bson.D { return eq(escape(d.Field), d.Value) }

// Erase implements [store.Retainer]. For blocks, see eraseBlocks. For documents, it first writes into the document of the
// batch which events are erased. From then on no reader yields them, so they
// can be deleted one by one. Then it removes the value from the document.
func (s *Store) Erase(ctx context.Context, id string, e store.Erasure) (int64, error) {
	n, err := s.erase(ctx, id, &e)
	return n, wrap(err, "erase from batch %q", id)
}

func (s *Store) erase(ctx context.Context, id string, e *store.Erasure) (int64, error) {
	d, err := s.read(ctx, id)
	if err == nil {
		err = mayErase(d, e)
	}
	if err == nil && d.hasBlocks() {
		return s.eraseBlocks(ctx, d, e)
	}
	if err == nil {
		err = s.finishErasing(ctx, d) // of a lost process
	}
	if err != nil {
		return 0, err
	}
	next := erasingDoc{e.Field, e.Value}
	n, sum, err := s.sumErased(ctx, id, &next)
	if err != nil || n == 0 {
		return 0, err
	}
	now, err := s.change(ctx, id, func(now *batchDoc) error {
		if err := mayErase(now, e); err != nil {
			return err
		}
		if now.Erasure != d.Erasure || now.Erased != d.Erased || now.Erasing != nil {
			return store.ErrConflict
		}
		now.Erasing, now.Erasure, now.Erased = &next, e.ID, d.Erased+n
		if now.Sum != 0 {
			now.EventsSum -= sum
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, s.finishErasing(ctx, now)
}

func mayErase(d *batchDoc, e *store.Erasure) error {
	switch {
	case d.Purged:
		return store.ErrEventsPurged
	case d.Erasure != e.After && d.Erasure != e.ID:
		return store.ErrConflict
	}
	return nil
}

// finishErasing deletes the events that are being erased, and removes their
// value from the document of the batch.
func (s *Store) finishErasing(ctx context.Context, d *batchDoc) error {
	if d.Erasing == nil {
		return nil
	}
	if err := s.removeErased(ctx, d.ID, d.Erasing); err != nil {
		return err
	}
	_, err := s.change(ctx, d.ID, func(now *batchDoc) error {
		if now.Erasing == nil || now.Erasure != d.Erasure {
			return errUnchanged
		}
		now.Erasing = nil
		return nil
	})
	return err
}

// sumErased returns the number of events of a batch that an erasure selects, and
// the sum of their checksums.
func (s *Store) sumErased(ctx context.Context, id string, erased *erasingDoc) (n, sum int64, err error) {
	var summer eventSummer
	var fields []metrics.Field
	_, err = s.eachPart(ctx, id, func(part bson.D) error {
		for {
			page, more, err := s.eventsPage(ctx, append(part, erased.filter()...))
			if err != nil {
				return err
			}
			last := int64(0)
			for _, doc := range page {
				e, err := decodeEvent(doc, fields[:0])
				if err != nil {
					return err
				}
				n, sum, last, fields = n+1, sum+summer.of(&e), e.Row, e.Fields
			}
			if !more {
				return nil
			}
			part = afterRow(part, id, last)
		}
	})
	return n, sum, err
}
