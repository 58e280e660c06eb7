package mongostore

import (
	"context"
	"errors"
	"iter"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/store"
)

// ReplaceAttachment implements [store.Retainer]. It writes the pieces of a new
// version first. Then the document of the batch names that version, and the old
// pieces as stale.
func (s *Store) ReplaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
	return wrap(s.replaceAttachment(ctx, id, name, content), "replace attachment of batch %q", id)
}

func (s *Store) replaceAttachment(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
	if _, err := s.read(ctx, id); err != nil {
		return err
	}
	next, attachment := bson.NewObjectID().Hex(), versionName(name)
	prefix := piecePrefix(attachment, next)
	sums, err := s.writePieces(ctx, id, name, prefix, content)
	if err != nil {
		return errors.Join(err, s.removePieces(context.WithoutCancel(ctx), id, prefix))
	}
	var stale string
	_, err = s.change(ctx, id, func(d *batchDoc) error {
		stale = piecePrefix(attachment, d.Attached[attachment])
		if d.Attached == nil {
			d.Attached = map[string]string{}
		}
		d.Attached[attachment], d.Stale = next, append(d.Stale, stale)
		delete(d.Pieces, attachment)
		if d.Sum != 0 && len(sums) > 0 {
			if d.Pieces == nil {
				d.Pieces = map[string][]int64{}
			}
			d.Pieces[attachment] = sums
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) || isDamaged(err) {
		return errors.Join(err, s.removePieces(ctx, id, prefix))
	}
	if err != nil { // it may have been replaced
		return err
	}
	return s.dropStale(ctx, id, stale)
}

func (s *Store) writePieces(ctx context.Context, id, name, prefix string, content iter.Seq2[[]byte, error]) (sums []int64, _ error) {
	for chunk, err := range content {
		for err == nil && len(chunk) > 0 {
			size := min(len(chunk), attachmentPiece)
			var sum int64
			sum, err = s.putPiece(ctx, id, name, prefix, len(sums), chunk[:size])
			sums, chunk = append(sums, sum), chunk[size:]
		}
		if err != nil {
			return nil, err
		}
	}
	return sums, nil
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
	return s.run.Remove(ctx, s.attachments, eq("_id", eq("$gte", id+"/"+prefix+"/", "$lt", id+"/"+prefix+"0")), nil)
}

// dropStale deletes the pieces that the document of a batch names as stale.
func (s *Store) dropStale(ctx context.Context, id string, prefixes ...string) error {
	for _, prefix := range prefixes {
		if err := s.removePieces(ctx, id, prefix); err != nil {
			return err
		}
		_, err := s.change(ctx, id, func(d *batchDoc) error {
			before := len(d.Stale)
			if d.Stale = slices.DeleteFunc(d.Stale, func(p string) bool { return p == prefix }); len(d.Stale) == before {
				return errUnchanged
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
