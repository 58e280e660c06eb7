package mongostore

import (
	"context"
	"errors"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/store"
)

// ReplaceAttachment implements [store.Retainer]. It writes the pieces of a new
// version first. Then the document of the batch names that version, and the old
// pieces as stale. If another version was written first, it starts again.
func (s *Store) ReplaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
	for {
		done, err := s.tryReplace(ctx, id, name, content)
		if done || err != nil {
			return wrap(err, "replace attachment of batch %q", id)
		}
	}
}

func (s *Store) tryReplace(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) (bool, error) {
	d, err := s.read(ctx, id)
	if err != nil {
		return false, err
	}
	next := bson.NewObjectID().Hex()
	if err := s.writePieces(ctx, id, name, next, content); err != nil {
		return false, err
	}
	was, member := d.Attached[versionName(name)], "attached."+versionName(name)
	stale := piecePrefix(name, was)
	filter := eq("_id", id, "status", eq("$in", store.Statuses()), member, was)
	if was == "" {
		filter[2].Value = eq("$exists", false)
	}
	_, err = s.run.Update(ctx, s.batches, filter, eq("$set", eq(member, next), "$push", eq("stale", stale)))
	if err != nil {
		return false, err
	}
	now, err := s.read(ctx, id) // an earlier try may have done it
	if err != nil || now.Attached[versionName(name)] != next {
		return false, errors.Join(err, s.removePieces(ctx, id, piecePrefix(name, next)))
	}
	return true, s.dropStale(ctx, id, stale)
}

func (s *Store) writePieces(ctx context.Context, id, name, version string, content iter.Seq2[[]byte, error]) error {
	n, prefix := 0, piecePrefix(name, version)
	for chunk, err := range content {
		for ; err == nil && len(chunk) > 0; n++ {
			size := min(len(chunk), attachmentPiece)
			_, err = s.run.Insert(ctx, s.attachments, eq("_id", pieceKey(id, prefix, n), "batch_id", id, "name", name, "data", chunk[:size]))
			chunk = chunk[size:]
		}
		if err != nil {
			return errors.Join(err, s.removePieces(context.WithoutCancel(ctx), id, prefix))
		}
	}
	return nil
}

// sameVersion returns store.ErrChanged if an attachment is of another version
// by now.
func (s *Store) sameVersion(ctx context.Context, id, name, version string) error {
	now, err := s.read(ctx, id)
	if err == nil && now.Attached[versionName(name)] != version {
		err = store.ErrChanged
	}
	return err
}

func (s *Store) removePieces(ctx context.Context, id, prefix string) error {
	return s.run.Remove(ctx, s.attachments, eq("_id", eq("$gte", id+"/"+prefix+"/", "$lt", id+"/"+prefix+"0")))
}

// dropStale deletes the pieces that the document of a batch names as stale.
func (s *Store) dropStale(ctx context.Context, id string, prefixes ...string) error {
	for _, prefix := range prefixes {
		if err := s.removePieces(ctx, id, prefix); err != nil {
			return err
		}
		if _, err := s.run.Update(ctx, s.batches, eq("_id", id), eq("$pull", eq("stale", prefix))); err != nil {
			return err
		}
	}
	return nil
}
