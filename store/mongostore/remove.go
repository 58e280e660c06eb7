package mongostore

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
)

// voidTTL is how long the void entry of a deleted batch stays in the ledger.
// Record checks that the batch exists before it inserts an entry. The void
// entry stops a worker that has checked and goes on only after the deletion.
const voidTTL = 7 * 24 * time.Hour

// DeleteBatch implements [store.Store]. The batch is deleted, for all readers at
// once, when its entry in the ledger is void. It works for a damaged batch too.
func (s *Store) DeleteBatch(ctx context.Context, id string) error {
	return wrap(s.deleteBatch(ctx, id), "delete batch %q", id)
}

func (s *Store) deleteBatch(ctx context.Context, id string) error {
	d, err := s.read(ctx, id)
	if err != nil && !isDamaged(err) {
		return err
	}
	// Checksums do not cover this, so it works for a damaged batch too.
	if _, err := s.run.Update(ctx, s.batches, bson.D{{Key: "_id", Value: id}, notHidden()},
		eq("$set", eq("deleting", true, "moved", newCall()))); err != nil {
		return err
	}
	rebuild, err := s.ledger.Void(ctx, id, d.Recorded)
	if err != nil {
		return err
	}
	if err := s.removeDeleted(ctx, d); err != nil || !rebuild {
		return err
	}
	return s.rollup.Rebuild(ctx)
}

// removeDeleted removes a batch whose entry in the ledger is void.
func (s *Store) removeDeleted(ctx context.Context, d *batchDoc) error {
	_, err := s.run.Update(ctx, s.batches, eq("_id", d.Key), eq("$set", eq("status", statusRemoving)))
	if err != nil {
		return err
	}
	return s.clear(ctx, d)
}

// clear deletes what belongs to a batch that is not visible any more. It deletes
// the document last, so that Prune finds what a lost process leaves.
func (s *Store) clear(ctx context.Context, d *batchDoc) error {
	if err := s.clearParts(ctx, d); err != nil {
		return err
	}
	if err := s.removeFingerprints(ctx, d.Key); err != nil {
		return err
	}
	return s.run.Remove(ctx, s.batches, eq("_id", d.Key), nil)
}

// clearParts deletes what belongs to a batch, except its fingerprints.
func (s *Store) clearParts(ctx context.Context, d *batchDoc) error {
	if err := errors.Join(s.removeEvents(ctx, d.Key), s.removeBlocks(ctx, d.Key)); err != nil {
		return err
	}
	if err := s.run.Remove(ctx, s.attachments, s.ownedBy(s.attachments, d.Key), nil); err != nil {
		return err
	}
	return s.run.Remove(ctx, s.keys, eq("batch_id", d.Key), nil) // also that of a Commit that got no further
}

// removeUnfinished removes the unfinished upload of a Writer.
func (s *Store) removeUnfinished(ctx context.Context, w *writer) error {
	mine, err := s.run.Update(ctx, s.batches, eq("_id", w.id, "status", eq("$in", bson.A{statusUploading, statusRemoving}), "writer", w.number),
		eq("$set", eq("status", statusRemoving)))
	if err != nil || !mine {
		return err
	}
	return s.clear(ctx, &batchDoc{Key: w.id})
}

// Prune implements [store.Store].
func (s *Store) Prune(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
	var p store.Pruned
	err := s.pruneBatches(ctx, &q, &p)
	if err == nil {
		err = s.pruneUnfinished(ctx, &q, &p)
	}
	if err == nil && !q.DryRun {
		err = s.pruneVoid(ctx, q.Before)
	}
	if err == nil && !q.DryRun {
		err = errors.Join(s.pruneKeys(ctx, q.Before), s.finishInterrupted(ctx, q.Before), s.pruneArchived(ctx), s.pruneStrays(ctx))
	}
	return p, wrap(err, "prune")
}

// old selects the batches of a status by a date before a moment.
func old(status store.Status, date string, before time.Time) bson.D {
	return eq("status", status, date, eq("$lt", ceiling(before)))
}

// oldPage is the number of old batches that one query reads.
const oldPage = 1000

// pruneBatches removes old batches with the status uploaded. A batch that is
// queued meanwhile has another status and stays.
func (s *Store) pruneBatches(ctx context.Context, q *store.PruneQuery, p *store.Pruned) error {
	if q.DryRun {
		return s.eachOld(ctx, store.Uploaded, "created_at", q.Before, func(d *batchDoc) error {
			p.Batches++
			p.Events += d.left()
			return nil
		})
	}
	return s.takeOld(ctx, store.Uploaded, "created_at", q.Before, func(d *batchDoc) error {
		p.Batches++
		p.Events += d.left()
		if _, err := s.ledger.Void(ctx, d.ID, false); err != nil {
			return err
		}
		return s.clear(ctx, d)
	})
}

// pruneUnfinished removes uploads whose Writers wrote last before a moment. The
// document stays until the next Prune, since the Writer may still be running.
func (s *Store) pruneUnfinished(ctx context.Context, q *store.PruneQuery, p *store.Pruned) error {
	if q.DryRun {
		return s.eachOld(ctx, statusUploading, "updated_at", q.Before, func(*batchDoc) error {
			p.Unfinished++
			return nil
		})
	}
	for _, status := range []store.Status{statusRemoved, statusRemoving} {
		err := s.takeOld(ctx, status, "updated_at", q.Before, func(d *batchDoc) error { return s.clear(ctx, d) })
		if err != nil {
			return err
		}
	}
	return s.takeOld(ctx, statusUploading, "updated_at", q.Before, func(d *batchDoc) error {
		p.Unfinished++
		if err := errors.Join(s.clearParts(ctx, d), s.removeFingerprints(ctx, d.ID)); err != nil {
			return err
		}
		_, err := s.run.Update(ctx, s.batches, eq("_id", d.ID), eq("$set", eq("status", statusRemoved, "updated_at", s.now())))
		return err
	})
}

// eachOld calls use with the old batches of a status that are not damaged.
func (s *Store) eachOld(ctx context.Context, status store.Status, date string, before time.Time, use func(*batchDoc) error) error {
	for last := ""; ; {
		filter := append(old(status, date, before), eq("_id", eq("$gt", last))...)
		docs, err := s.findBatches(ctx, filter, options.Find().SetSort(eq("_id", 1)).SetLimit(oldPage))
		if err != nil || len(docs) == 0 {
			return err
		}
		last = docs[len(docs)-1].Key
		docs = sound(docs)
		for i := range docs {
			if err := use(&docs[i]); err != nil {
				return err
			}
		}
	}
}

// takeOld is eachOld for batches that it has made invisible, one by one.
func (s *Store) takeOld(ctx context.Context, status store.Status, date string, before time.Time, use func(*batchDoc) error) error {
	return s.eachOld(ctx, status, date, before, func(d *batchDoc) error {
		taken, err := s.run.Update(ctx, s.batches, append(old(status, date, before), eq("_id", d.Key)...),
			eq("$set", eq("status", statusRemoving)))
		if err != nil || !taken { // another Prune has it, or it is not old any more
			return err
		}
		return use(d)
	})
}

// finishInterrupted finishes what lost processes have begun: replacing
// attachments, erasing, purging and deleting. All of it is already seen as done.
// Copies of blocks that were begun before a moment are given up.
func (s *Store) finishInterrupted(ctx context.Context, before time.Time) error {
	begun := bson.A{
		eq("stale.0", eq("$exists", true)), eq("erasing", eq("$exists", true)),
		eq("purging", true), eq("deleting", true),
		eq("stale_blocks.0", eq("$exists", true)), eq("copies.0", eq("$exists", true)),
	}
	docs, err := s.findBatches(ctx, bson.D{notHidden(), {Key: "$or", Value: begun}}, options.Find().SetLimit(oldPage))
	for i := range docs {
		if err == nil {
			err = s.finish(ctx, &docs[i], before)
		}
	}
	return err
}

func (s *Store) finish(ctx context.Context, d *batchDoc, before time.Time) error {
	gone, err := s.isGone(ctx, d)
	if err != nil {
		return err
	}
	if gone {
		return s.removeDeleted(ctx, d)
	}
	if d.isDamaged() {
		return nil // an audit finds it
	}
	if err := s.dropStale(ctx, d.ID, d.Stale...); err != nil {
		return err
	}
	if err := s.finishErasing(ctx, d); err != nil {
		return err
	}
	if err := s.finishCopying(ctx, d, before); err != nil {
		return err
	}
	return s.finishPurging(ctx, d)
}

// pruneVoid removes old void entries of the ledger.
func (s *Store) pruneVoid(ctx context.Context, before time.Time) error {
	oldest := s.now().Add(-voidTTL)
	if before.Before(oldest) {
		oldest = before
	}
	return s.ledger.RemoveVoid(ctx, oldest)
}
