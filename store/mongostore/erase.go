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

// Erase implements [store.Retainer]. It first writes into the document of the
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
	if err == nil {
		err = s.finishErasing(ctx, d) // of a lost process
	}
	if err != nil {
		return 0, err
	}
	next := erasingDoc{e.Field, e.Value}
	n, err := s.countErased(ctx, id, &next)
	if err != nil || n == 0 {
		return 0, err
	}
	filter := eq("_id", id, "status", eq("$in", store.Statuses()), "erasure", d.Erasure, "sealed", eq("$ne", true))
	if d.Erasure == "" {
		filter[2].Value = eq("$exists", false)
	}
	_, err = s.run.Update(ctx, s.batches, filter, eq("$set", eq("erasing", next, "erasure", e.ID, "erased_events", d.Erased+n)))
	if err != nil {
		return 0, err
	}
	now, err := s.read(ctx, id) // an earlier try may have done it
	switch {
	case err != nil:
		return 0, err
	case now.Purged:
		return 0, store.ErrEventsPurged
	case now.Erasure != e.ID || now.Erased != d.Erased+n:
		return 0, store.ErrConflict
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
	_, err := s.run.Update(ctx, s.batches, eq("_id", d.ID, "erasure", d.Erasure), eq("$unset", eq("erasing", "")))
	return err
}
