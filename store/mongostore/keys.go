package mongostore

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// keyDoc says which batch has an idempotency key.
type keyDoc struct {
	Key     string     `bson:"_id"`
	BatchID string     `bson:"batch_id"`
	Expires *time.Time `bson:"expires_at"`
	Sum     int64      `bson:"sum,omitempty"`
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

// claim takes the idempotency key of a batch. Errors: store.ErrKeyTaken.
func (s *Store) claim(ctx context.Context, d *batchDoc) error {
	mine := keyDoc{Key: d.IdempotencyKey, BatchID: d.ID, Expires: d.KeyExpires}
	mine.Sum = mine.sum()
	for start := time.Now(); ; {
		if added, err := s.run.Insert(ctx, s.keys, mine); err != nil || added {
			return err
		}
		var holder keyDoc
		err := s.run.Find(ctx, s.keys, eq("_id", mine.Key), &holder)
		if errors.Is(err, mongo.ErrNoDocuments) {
			continue
		}
		if err == nil {
			err = holder.check()
		}
		if err != nil || holder.BatchID == mine.BatchID {
			return err
		}
		free, err := s.isFree(ctx, &holder, fromDate(d.Created), time.Since(start) > claimTimeout)
		if err != nil {
			return err
		}
		if free {
			if err := s.takeOver(ctx, &holder, &mine); err != nil {
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
	if !fromDate(holder.Expires).After(now) {
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

// takeOver gives a key to another batch. It removes the key from the document of
// the batch that had it, so that a search by key finds one batch.
func (s *Store) takeOver(ctx context.Context, from, to *keyDoc) error {
	taken, err := s.run.Update(ctx, s.keys, eq("_id", from.Key, "batch_id", from.BatchID),
		eq("$set", eq("batch_id", to.BatchID, "expires_at", to.Expires, "sum", to.Sum)))
	if err != nil || !taken {
		return err
	}
	_, err = s.change(ctx, from.BatchID, func(d *batchDoc) error {
		d.IdempotencyKey, d.KeyExpires = "", nil
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return err
}

// release removes the key of a batch.
func (s *Store) release(ctx context.Context, key, id string) error {
	return s.run.Remove(ctx, s.keys, eq("_id", key, "batch_id", id), nil)
}
