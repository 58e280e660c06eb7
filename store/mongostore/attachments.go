package mongostore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// attachmentPiece is the size of the pieces of an attachment.
const attachmentPiece = 1 << 20

// attachmentKey is the _id of the n-th piece.
func attachmentKey(batch, name string, n int) string {
	return fmt.Sprintf("%s/%x/%012d", batch, name, n)
}

// Attachment implements [store.Store].
func (s *Store) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if _, err := s.read(ctx, id); err != nil {
			yield(nil, wrap(err, "read attachment of batch %q", id))
			return
		}
		for n := 0; ; n++ {
			chunk, err := s.piece(ctx, attachmentKey(id, name, n))
			if errors.Is(err, mongo.ErrNoDocuments) {
				return
			}
			if err != nil {
				yield(nil, wrap(err, "read attachment of batch %q", id))
				return
			}
			if !yield(chunk, nil) {
				return
			}
		}
	}
}

func (s *Store) piece(ctx context.Context, key string) ([]byte, error) {
	var doc struct {
		Data []byte `bson:"data"`
	}
	err := s.find(ctx, s.attachments, eq("_id", key), &doc)
	return doc.Data, err
}

// dropAttachment deletes an attachment, last piece first, so that what a loss
// of the process leaves is found by the next try.
func (s *Store) dropAttachment(ctx context.Context, id, name string) error {
	n := 0
	for {
		err := s.do(ctx, func(ctx context.Context) error {
			_, err := s.attachments.FindOne(ctx, eq("_id", attachmentKey(id, name, n)),
				options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Raw()
			return err
		})
		if errors.Is(err, mongo.ErrNoDocuments) {
			break
		}
		if err != nil {
			return err
		}
		n++
	}
	for ; n > 0; n-- {
		if err := s.remove(ctx, s.attachments, eq("_id", attachmentKey(id, name, n-1))); err != nil {
			return err
		}
	}
	return nil
}
