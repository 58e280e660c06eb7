package mongostore

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// Statuses of batches that are not visible, beside those of package store.
const (
	// statusUploading is that of a batch whose Writer has not committed.
	statusUploading store.Status = "uploading"
	// statusRemoving is that of a batch of which parts may be left.
	statusRemoving store.Status = "removing"
	// statusRemoved is that of an unfinished upload that was pruned. Its Writer
	// may still add to it, so a later Prune removes what it finds then.
	statusRemoved store.Status = "removed"
	// statusArchiving is that of an archived batch of which parts may be left,
	// statusArchived that of one of which only fingerprints are left.
	statusArchiving store.Status = "forgetting"
	statusArchived  store.Status = "forgotten"
)

// batchDoc is the document of a batch.
type batchDoc struct {
	Key        string       `bson:"_id"`
	ID         string       `bson:"batch_id"`
	FileName   string       `bson:"file_name"`
	SHA256     string       `bson:"sha256"`
	Events     int64        `bson:"total_events"`
	Failed     int64        `bson:"failed_events"`
	Duplicates int64        `bson:"duplicate_events"`
	Status     store.Status `bson:"status"`
	Cause      string       `bson:"cause"`

	IdempotencyKey string     `bson:"idempotency_key,omitempty"`
	KeyExpires     *time.Time `bson:"key_expires_at,omitempty"`
	Repairs        string     `bson:"repairs,omitempty"`
	Created        *time.Time `bson:"created_at,omitempty"`
	Updated        time.Time  `bson:"updated_at"`
	Purged         bool       `bson:"sealed,omitempty"`
	// Moved identifies the call of SetStatus that has set the status.
	Moved int64 `bson:"moved,omitempty"`
	// Purging means that events of a purged batch may be left.
	Purging bool `bson:"purging,omitempty"`
	// Attached has the version of each attachment that was replaced, by
	// versionName. Stale has the prefixes of the pieces that must be deleted.
	Attached map[string]string `bson:"attached,omitempty"`
	Stale    []string          `bson:"stale,omitempty"`
	// Erased and Erasure are those of store.Batch. Erasing selects events that
	// are erased, but may not be deleted yet.
	Erased  int64       `bson:"erased_events,omitempty"`
	Erasure string      `bson:"erasure,omitempty"`
	Erasing *erasingDoc `bson:"erasing,omitempty"`
	// Writer is the Writer of an unfinished upload.
	Writer bson.ObjectID `bson:"writer,omitempty"`
	// Deleting means that its deletion has begun: the batch is deleted when its
	// entry in the ledger is void.
	Deleting bool `bson:"deleting,omitempty"`
}

func (d *batchDoc) visible() bool { return slices.Contains(store.Statuses(), d.Status) }

func (d *batchDoc) batch() store.Batch {
	return store.Batch{
		ID: d.ID, FileName: d.FileName, SHA256: d.SHA256, AcceptedRows: d.Events, RejectedRows: d.Failed, DuplicateRows: d.Duplicates,
		Erased: d.Erased, Erasure: d.Erasure,
		Status: d.Status, LastError: d.Cause, IdempotencyKey: d.IdempotencyKey,
		KeyExpires: fromDate(d.KeyExpires), RepairOf: d.Repairs, Created: fromDate(d.Created), Updated: d.Updated.UTC(), EventsPurged: d.Purged,
	}
}

// toDate truncates a time to what a date of MongoDB holds.
func toDate(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

func fromDate(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// read returns the document of a batch that is visible. Errors:
// store.ErrNotFound.
func (s *Store) read(ctx context.Context, id string) (*batchDoc, error) {
	var d batchDoc
	err := s.run.Find(ctx, s.batches, eq("_id", id), &d)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && !d.visible() {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	gone, err := s.isGone(ctx, &d)
	if err == nil && gone {
		err = store.ErrNotFound
	}
	return &d, err
}

// missingOr returns err, or store.ErrNotFound if there is no such batch.
func (s *Store) missingOr(ctx context.Context, id string, err error) error {
	if _, missing := s.read(ctx, id); missing != nil {
		return missing
	}
	return err
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
	if q.IdempotencyKey != "" {
		filter = append(filter, eq("idempotency_key", q.IdempotencyKey)...)
	}
	if q.RepairOf != "" {
		filter = append(filter, eq("repairs", q.RepairOf)...)
	}
	if !q.UpdatedBefore.IsZero() {
		filter = append(filter, eq("updated_at", eq("$lt", ceiling(q.UpdatedBefore)))...)
	}
	if q.After != "" {
		filter = append(filter, eq("batch_id", eq("$lt", q.After))...)
	}
	opts := options.Find().SetSort(eq("batch_id", -1)).SetLimit(int64(limit))
	return command.FindAll[batchDoc](ctx, s.run, s.batches, filter, opts)
}

// ceiling is the first date that is not before t.
func ceiling(t time.Time) time.Time {
	return t.Add(time.Millisecond - 1).Truncate(time.Millisecond)
}

// SetStatus implements [store.Store].
func (s *Store) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
	var seen []store.Status // only visible ones
	for _, status := range store.Statuses() {
		if slices.Contains(from, status) {
			seen = append(seen, status)
		}
	}
	call := rand.Int64()
	change := eq("$set", eq("status", to, "cause", cause, "updated_at", s.now(), "moved", call))
	var err error
	moved := false
	if len(seen) > 0 {
		moved, err = s.run.Update(ctx, s.batches, eq("_id", id, "status", eq("$in", seen)), change)
	}
	if err != nil || moved {
		return wrap(err, "set status of batch %q", id)
	}
	return wrap(s.movedBy(ctx, id, call), "set status of batch %q", id)
}

// movedBy returns nil if an earlier try of a call has set a status but got no
// answer. Errors: store.ErrConflict; store.ErrNotFound.
func (s *Store) movedBy(ctx context.Context, id string, call int64) error {
	d, err := s.read(ctx, id)
	if err == nil && d.Moved != call {
		err = store.ErrConflict
	}
	return err
}

// commit makes the batch of a Writer visible.
func (s *Store) commit(ctx context.Context, w *writer, b store.Batch) (store.Batch, error) {
	d := batchDoc{
		Key: w.id, ID: w.id, FileName: b.FileName, SHA256: b.SHA256, Events: w.events, Writer: w.number, Failed: b.RejectedRows, Duplicates: b.DuplicateRows, Status: store.Uploaded,
		IdempotencyKey: b.IdempotencyKey, Repairs: b.RepairOf, Created: toDate(b.Created), Updated: s.now(),
	}
	if b.IdempotencyKey != "" {
		d.KeyExpires = toDate(b.KeyExpires)
		if err := s.claim(ctx, &d); err != nil {
			return store.Batch{}, err
		}
	}
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
