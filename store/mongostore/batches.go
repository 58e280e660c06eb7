package mongostore

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// read returns the document of a batch that is visible. Errors:
// store.ErrNotFound; metrics.ErrCorrupt, with the document.
func (s *Store) read(ctx context.Context, id string) (*batchDoc, error) {
	d, err := s.find(ctx, id)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && d.damage == nil && !d.visible() {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	gone, err := s.isGone(ctx, d)
	switch {
	case err == nil && gone:
		err = store.ErrNotFound
	case err == nil:
		err = d.damage
	}
	return d, err
}

// find returns the document of a batch in any state. Damage is in the document.
// Errors: mongo.ErrNoDocuments.
func (s *Store) find(ctx context.Context, id string) (*batchDoc, error) {
	var raw bson.Raw
	if err := s.run.Find(ctx, s.batches, eq("_id", id), &raw); err != nil {
		return nil, err
	}
	d := decodeBatch(raw)
	return &d, nil
}

// findBatches returns the documents that a filter selects. Damage is in them.
func (s *Store) findBatches(ctx context.Context, filter bson.D, opts *options.FindOptionsBuilder) ([]batchDoc, error) {
	found, err := command.FindAll[bson.Raw](ctx, s.run, s.batches, filter, opts)
	docs := make([]batchDoc, len(found))
	for i := range found {
		docs[i] = decodeBatch(found[i])
	}
	return docs, err
}

// sound returns the documents that are not damaged. An audit finds the others;
// nothing is removed because of what they say.
func sound(docs []batchDoc) []batchDoc {
	return slices.DeleteFunc(docs, func(d batchDoc) bool { return d.damage != nil })
}

// isGone reports whether a batch is deleted although its document is still
// there.
func (s *Store) isGone(ctx context.Context, d *batchDoc) (bool, error) {
	if !d.Deleting {
		return false, nil
	}
	return s.ledger.IsVoid(ctx, d.ID)
}

// Batch implements [store.Store].
func (s *Store) Batch(ctx context.Context, id string) (store.Batch, error) {
	d, err := s.read(ctx, id)
	if err != nil {
		return store.Batch{}, wrap(err, "read batch %q", id)
	}
	return d.batch(), nil
}

// Batches implements [store.Store].
func (s *Store) Batches(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
	var list []store.Batch
	for len(list) < q.Size() {
		docs, err := s.page(ctx, &q, q.Size()-len(list))
		if err != nil {
			return nil, wrap(err, "list batches")
		}
		if len(docs) == 0 {
			break
		}
		for i := range docs {
			q.After = docs[i].ID
			gone, err := s.isGone(ctx, &docs[i])
			if err != nil {
				return nil, wrap(err, "list batches")
			}
			if !gone {
				list = append(list, docs[i].batch())
			}
		}
	}
	return list, nil
}

func (s *Store) page(ctx context.Context, q *store.BatchQuery, limit int) ([]batchDoc, error) {
	statuses := q.Statuses
	if len(statuses) == 0 {
		statuses = store.Statuses()
	}
	filter := eq("status", eq("$in", statuses))
	if q.RepairOf != "" {
		filter = append(filter, eq("repairs", q.RepairOf)...)
	}
	if !q.UpdatedBefore.IsZero() {
		filter = append(filter, eq("updated_at", eq("$lt", ceiling(q.UpdatedBefore)))...)
	}
	ids := eq("$gt", "")
	if q.After != "" {
		ids = append(ids, eq("$lt", q.After)...)
	}
	opts := options.Find().SetSort(eq("batch_id", -1)).SetLimit(int64(limit))
	return s.findBatches(ctx, append(filter, eq("batch_id", ids)...), opts)
}

// CountBatches implements [store.Store]. It reads indexes, and the documents of the
// few batches whose deletion has begun.
func (s *Store) CountBatches(ctx context.Context, limit int64) (map[store.Status]int64, error) {
	gone, err := s.countGone(ctx)
	if err != nil {
		return nil, wrap(err, "count batches")
	}
	counts := map[store.Status]int64{}
	for _, status := range store.Statuses() {
		n, err := s.run.Count(ctx, s.batches, eq("status", status), options.Count().SetLimit(limit+gone[status]))
		if err != nil {
			return nil, wrap(err, "count batches")
		}
		counts[status] = max(n-gone[status], 0)
	}
	return counts, nil
}

// countGone counts the batches that are deleted although their documents are still
// there.
func (s *Store) countGone(ctx context.Context) (map[store.Status]int64, error) {
	docs, err := s.findBatches(ctx, eq("deleting", true), options.Find())
	if err != nil {
		return nil, err
	}
	counts := map[store.Status]int64{}
	for i := range docs {
		gone, err := s.isGone(ctx, &docs[i])
		if err != nil {
			return nil, err
		}
		if gone {
			counts[docs[i].Status]++
		}
	}
	return counts, nil
}

// ceiling is the first date that is not before t.
func ceiling(t time.Time) time.Time {
	return t.Add(time.Millisecond - 1).Truncate(time.Millisecond)
}

// SetStatus implements [store.Store].
func (s *Store) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
	_, err := s.change(ctx, id, func(d *batchDoc) (err error) {
		if !slices.Contains(from, d.Status) {
			return store.ErrConflict
		}
		if to == store.Completed && !d.Recorded {
			d.Recorded, err = s.ledger.IsRecorded(ctx, id)
		}
		d.Status, d.Cause, d.Updated = to, cause, s.now()
		return err
	})
	return wrap(err, "set status of batch %q", id)
}

// commit makes the batch of a Writer visible.
func (s *Store) commit(ctx context.Context, w *writer, b store.Batch) (store.Batch, error) {
	d := batchDoc{
		Key: w.id, ID: w.id, FileName: b.FileName, SHA256: b.SHA256, Events: w.events, Writer: w.number, Failed: b.RejectedRows, Duplicates: b.DuplicateRows, Status: store.Uploaded,
		IdempotencyKey: b.IdempotencyKey, Repairs: b.RepairOf, Created: toDate(b.Created), Updated: s.now(),
	}
	d.Pieces = w.pieces
	w.out.note(&d)
	var err error
	if d.Claims, d.ClaimsSum, err = s.sumClaims(ctx, d.ID); err != nil {
		return store.Batch{}, err
	}
	if b.IdempotencyKey != "" { // taken last: see claim
		d.KeyExpires = toDate(b.KeyExpires)
		mine := keyDoc{Key: d.IdempotencyKey, BatchID: d.ID, Expires: d.KeyExpires}.summed()
		if err := s.claim(ctx, &mine, fromDate(d.Created)); err != nil {
			return store.Batch{}, err
		}
	}
	d.Sum = d.sum()
	committed, err := s.run.Replace(ctx, s.batches, w.filter(), d)
	if err != nil {
		return store.Batch{}, err
	}
	if committed {
		return d.batch(), nil
	}
	return s.committedBefore(ctx, &d)
}

// committedBefore returns the batch if an earlier try has committed it but got
// no answer. Errors: store.ErrNotFound if the upload was pruned.
func (s *Store) committedBefore(ctx context.Context, d *batchDoc) (store.Batch, error) {
	there, err := s.read(ctx, d.ID)
	if err == nil && there.Writer == d.Writer {
		return there.batch(), nil
	}
	if err == nil {
		err = store.ErrNotFound
	}
	if errors.Is(err, store.ErrNotFound) && d.IdempotencyKey != "" {
		return store.Batch{}, errors.Join(err, s.release(ctx, d.IdempotencyKey, d.ID))
	}
	return store.Batch{}, err
}

// Ping implements [store.Store]. It sends an update that selects no document,
// so it also finds out whether the database can be written.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.run.Update(ctx, s.batches, eq("_id", ""), bson.D{{Key: "$set", Value: eq("cause", "")}})
	return wrap(err, "ping")
}
