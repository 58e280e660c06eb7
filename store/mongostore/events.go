package mongostore

import (
	"context"
	"iter"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// eventsPage is the number of events that one query reads, or fewer if they
// take more than eventsBytes. A page is read whole before its events are
// yielded. So no cursor waits for the caller, and after a lost connection only
// one page is read again.
const (
	eventsPage  = 2000
	eventsBytes = 4 << 20
)

// Events implements [store.Store].
func (s *Store) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	return func(yield func(metrics.Event, error) bool) {
		if err := s.yieldEvents(ctx, id, yield); err != nil {
			yield(metrics.Event{}, wrap(err, "read events of batch %q", id))
		}
	}
}

// yieldEvents returns nil when it has yielded all events or yield has returned
// false.
func (s *Store) yieldEvents(ctx context.Context, id string, yield func(metrics.Event, error) bool) error {
	d, err := s.read(ctx, id)
	if err != nil {
		return err
	}
	if d.Purged {
		return store.ErrEventsPurged
	}
	if d.hasBlocks() {
		return s.yieldBlocks(ctx, d, yield)
	}
	var fields []metrics.Field
	var left, sum int64
	var summer eventSummer
	for from := int64(0); ; {
		page, more, err := s.eventsFrom(ctx, id, from)
		if err != nil {
			return err
		}
		for _, doc := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			e, err := decodeEvent(doc, fields[:0])
			if err != nil {
				return err
			}
			from, fields = e.Row+1, e.Fields
			if d.Erasing.has(&e) {
				continue
			}
			left, sum = left+1, sum+summer.of(&e)
			if !yield(e, nil) {
				return nil
			}
		}
		if !more {
			return s.checkWhole(ctx, d, left, sum)
		}
	}
}

// checkWhole returns an error if the events that were read are not those that
// a batch should have: they were purged, erased or deleted meanwhile, or are
// damaged.
func (s *Store) checkWhole(ctx context.Context, d *batchDoc, got, sum int64) error {
	if got == d.left() && (d.Sum == 0 || sum == d.EventsSum) {
		return nil
	}
	damage := checksum.Corrupt("events are not what was written")
	if got != d.left() {
		damage = checksum.Corrupt("the batch has %d events, not %d", got, d.left())
	}
	return s.whyDamaged(ctx, d, damage)
}

// whyDamaged returns the reason why the events of a batch are not those of its
// document: they were purged, erased or deleted meanwhile, or else the damage.
func (s *Store) whyDamaged(ctx context.Context, d *batchDoc, damage error) error {
	now, err := s.read(ctx, d.ID)
	switch {
	case err != nil:
		return err
	case now.Purged:
		return store.ErrEventsPurged
	case now.Erasure != d.Erasure || now.Erased != d.Erased || now.Generation != d.Generation:
		return store.ErrChanged
	}
	return damage
}

// eventsFrom reads the next page and says whether there may be another.
func (s *Store) eventsFrom(ctx context.Context, id string, row int64) (page []bson.Raw, more bool, err error) {
	return s.eventsPage(ctx, eq("batch_id", id, "_id", eventRange(id, row)))
}

// eventsPage reads the first page of the events that a filter of keys selects.
func (s *Store) eventsPage(ctx context.Context, filter bson.D) (page []bson.Raw, more bool, err error) {
	opts := options.Find().SetSort(eq("_id", 1)).SetHint(byKey()).SetLimit(eventsPage)
	err = s.run.Do(ctx, func(ctx context.Context) error {
		page, more = page[:0], false
		cursor, err := s.events.Find(ctx, filter, opts)
		if err != nil {
			return err
		}
		defer cursor.Close(context.WithoutCancel(ctx)) //nolint:errcheck // cursor.Err has it
		for size := 0; !more && cursor.Next(ctx); {
			page = append(page, slices.Clone(cursor.Current))
			size += len(cursor.Current)
			more = len(page) == eventsPage || size > eventsBytes
		}
		return cursor.Err()
	})
	return page, more, err
}
