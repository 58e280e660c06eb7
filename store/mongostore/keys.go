package mongostore

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// keyDoc says which batch has an idempotency key.
type keyDoc struct {
	Key     string     `bson:"_id"`
	BatchID string     `bson:"batch_id"`
	Expires *time.Time `bson:"expires_at"`
	// Further means that it is not the own key of the batch, or was taken again.
	Further bool  `bson:"further,omitempty"`
	Sum     int64 `bson:"sum,omitempty"`
}

func (d keyDoc) sum() int64 {
	d.Sum = 0
	return checksum.Of(d)
}

// check returns metrics.ErrCorrupt if the document is not what was written.
func (d keyDoc) check() error { return checksum.Check(d.Sum, d.sum(), "the document of the key") }

// A Commit takes its key first and makes its batch visible a moment later. If
// its process was lost in between, the next Commit with the key waits for
// claimTimeout, then ends that upload and takes the key.
const (
	claimTimeout = 2 * time.Second
	claimPause   = 20 * time.Millisecond
)

func (d keyDoc) summed() keyDoc {
	d.Sum = d.sum()
	return d
}

// has reports whether the batch has the key at a time.
func (d *keyDoc) has(at time.Time) bool { return fromDate(d.Expires).After(at) }

// findKey returns the document of a key. Errors: mongo.ErrNoDocuments,
// metrics.ErrCorrupt.
func (s *Store) findKey(ctx context.Context, key string) (*keyDoc, error) {
	var d keyDoc
	if err := s.run.Find(ctx, s.keys, eq("_id", key), &d); err != nil {
		return nil, err
	}
	return &d, d.check()
}

// BatchOfKey implements [store.Store]. The document of the key decides: that of a
// batch may have a key that has expired and is another's.
func (s *Store) BatchOfKey(ctx context.Context, key string, at time.Time) (store.Batch, error) {
	d, err := s.batchOfKey(ctx, key, at)
	if err != nil {
		return store.Batch{}, wrap(err, "find the batch of key %q", key)
	}
	return d.batch(), nil
}

func (s *Store) batchOfKey(ctx context.Context, key string, at time.Time) (*batchDoc, error) {
	k, err := s.findKey(ctx, key)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && !k.has(at) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return s.read(ctx, k.BatchID)
}

// claim takes an idempotency key for a batch, unless the batch has it at a time.
// Errors: store.ErrKeyTaken.
func (s *Store) claim(ctx context.Context, mine *keyDoc, now time.Time) error {
	for start := time.Now(); ; {
		if added, err := s.run.Insert(ctx, s.keys, mine); err != nil || added {
			return err
		}
		holder, err := s.findKey(ctx, mine.Key)
		if errors.Is(err, mongo.ErrNoDocuments) {
			continue
		}
		if err != nil {
			return err
		}
		if holder.BatchID == mine.BatchID && (holder.has(now) || holder.Sum == mine.Sum) {
			return nil
		}
		free, err := s.isFree(ctx, holder, now, time.Since(start) > claimTimeout)
		if err != nil {
			return err
		}
		if free {
			if err := s.takeOver(ctx, holder, mine); err != nil {
				return err
			}
			continue // the next turn reads which batch has it
		}
		if err := command.Pause(ctx, claimPause); err != nil {
			return err
		}
	}
}

// isFree reports whether a key may be taken from its holder. Expired says that
// claimTimeout is over. Errors: store.ErrKeyTaken if the holder is visible.
func (s *Store) isFree(ctx context.Context, holder *keyDoc, now time.Time, expired bool) (bool, error) {
	if !holder.has(now) {
		return true, nil
	}
	d, err := s.find(ctx, holder.BatchID)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return true, nil
	case err != nil:
		return false, err
	case d.Status != statusUploading:
		if _, err := s.read(ctx, holder.BatchID); err == nil || !errors.Is(err, store.ErrNotFound) {
			return false, errors.Join(store.ErrKeyTaken, err)
		}
		return true, nil
	case !expired:
		return false, nil
	}
	fenced, err := s.run.Update(ctx, s.batches, eq("_id", holder.BatchID, "status", statusUploading),
		eq("$set", eq("status", statusRemoved, "updated_at", s.now())))
	return fenced, err
}

// takeOver gives a key to another batch, or to the same one until another time.
// If it is not as it was read any more, nothing changes.
func (s *Store) takeOver(ctx context.Context, from, to *keyDoc) error {
	_, err := s.run.Update(ctx, s.keys, eq("_id", from.Key, "batch_id", from.BatchID, "expires_at", from.Expires),
		eq("$set", eq("batch_id", to.BatchID, "expires_at", to.Expires, "further", to.Further, "sum", to.Sum)))
	return err
}

// release removes the key of a batch.
func (s *Store) release(ctx context.Context, key, id string) error {
	return s.run.Remove(ctx, s.keys, eq("_id", key, "batch_id", id), nil)
}

// TakeKey implements [store.Deduper]. The key is taken with its document. The
// batch notes it then, so that an audit misses it if it is lost.
func (s *Store) TakeKey(ctx context.Context, id, key string, expires, now time.Time) error {
	mine := keyDoc{Key: key, BatchID: id, Expires: toDate(expires), Further: true}
	return wrap(s.takeKey(ctx, mine.summed(), now), "take key %q for batch %q", key, id)
}

func (s *Store) takeKey(ctx context.Context, mine keyDoc, now time.Time) error {
	if _, err := s.read(ctx, mine.BatchID); err != nil {
		return err
	}
	if err := s.claim(ctx, &mine, now); err != nil {
		return err
	}
	_, err := s.change(ctx, mine.BatchID, func(d *batchDoc) error {
		there, err := s.findKey(ctx, mine.Key)
		switch {
		case errors.Is(err, mongo.ErrNoDocuments), err == nil && there.BatchID != mine.BatchID: // erased meanwhile, or expired
			return errUnchanged
		case err != nil:
			return err
		}
		return d.note(there, s.now())
	})
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		err = errors.Join(err, s.release(ctx, mine.Key, mine.BatchID))
	}
	return err
}

// maxNotes is the number of further keys that a batch notes. What others are lost
// is not missed.
const maxNotes = 100

// keyNote is a further key of a batch, by the checksum of its document.
type keyNote struct {
	Sum     int64     `bson:"sum"`
	Expires time.Time `bson:"expires_at"`
}

// note adds a further key and removes those that have expired. Errors:
// errUnchanged.
func (d *batchDoc) note(k *keyDoc, now time.Time) error {
	one := keyNote{k.Sum, fromDate(k.Expires)}
	if !k.Further || slices.ContainsFunc(d.Keys, func(n keyNote) bool { return n.Sum == one.Sum }) {
		return errUnchanged
	}
	var notes []keyNote
	for _, n := range append(slices.Clone(d.Keys), one) {
		if n.Expires.After(now) {
			notes = append(notes, n)
		}
	}
	d.Keys = notes[max(0, len(notes)-maxNotes):]
	return nil
}

// Keys implements [store.Deduper].
func (s *Store) Keys(ctx context.Context, id string) ([]string, error) {
	keys, err := s.keysOf(ctx, id)
	return keys, wrap(err, "list keys of batch %q", id)
}

func (s *Store) keysOf(ctx context.Context, id string) ([]string, error) {
	d, err := s.read(ctx, id)
	if err != nil {
		return nil, err
	}
	docs, err := s.keyDocs(ctx, id)
	var keys []string
	if d.IdempotencyKey != "" {
		keys = append(keys, d.IdempotencyKey)
	}
	for i := range docs {
		keys = append(keys, docs[i].Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys), err
}

// keyDocs returns the documents of the keys of a batch. Errors:
// metrics.ErrCorrupt.
func (s *Store) keyDocs(ctx context.Context, id string) ([]keyDoc, error) {
	docs, err := command.FindAll[keyDoc](ctx, s.run, s.keys, eq("batch_id", id), options.Find())
	for i := range docs {
		err = errors.Join(err, docs[i].check())
	}
	return docs, err
}

// pruneKeys removes further keys that have expired before a time.
func (s *Store) pruneKeys(ctx context.Context, before time.Time) error {
	return s.run.Remove(ctx, s.keys, eq("further", true, "expires_at", eq("$lt", ceiling(before))), nil)
}
