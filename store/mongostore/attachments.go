package mongostore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// attachmentPiece is the size of the pieces of an attachment.
const attachmentPiece = 1 << 20

// attachmentKey is the _id of the n-th piece as a Writer attaches it.
func attachmentKey(batch, name string, n int) string {
	return pieceKey(batch, piecePrefix(name, ""), n)
}

func pieceKey(batch, prefix string, n int) string {
	return fmt.Sprintf("%s/%s/%012d", batch, prefix, n)
}

// piecePrefix is the part of the keys that the pieces of a version of an
// attachment have in common. The first version is "".
func piecePrefix(name, version string) string {
	if version == "" {
		return fmt.Sprintf("%x", name)
	}
	return fmt.Sprintf("%x.%s", name, version)
}

// versionName is the key of an attachment in batchDoc.Attached.
func versionName(name string) string { return fmt.Sprintf("x%x", name) }

// Attachment implements [store.Store].
func (s *Store) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		d, err := s.read(ctx, id)
		if err != nil {
			yield(nil, wrap(err, "read attachment of batch %q", id))
			return
		}
		version := d.Attached[versionName(name)]
		for n := 0; ; n++ {
			chunk, err := s.piece(ctx, pieceKey(id, piecePrefix(name, version), n))
			if errors.Is(err, mongo.ErrNoDocuments) {
				if err = s.sameVersion(ctx, id, name, version); err == nil {
					return
				}
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
	err := s.run.Find(ctx, s.attachments, eq("_id", key), &doc)
	return doc.Data, err
}
