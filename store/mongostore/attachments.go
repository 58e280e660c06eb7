package mongostore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// attachmentPiece is the size of the pieces of an attachment.
const attachmentPiece = 1 << 20

// pieceKey is the _id of the n-th piece.
func pieceKey(batch, prefix string, n int) string {
	return fmt.Sprintf("%s/%s/%012d", batch, prefix, n)
}

// piecePrefix is the part of the keys that the pieces of a version of an
// attachment have in common, from its key in batchDoc.Pieces. The first version
// is "".
func piecePrefix(attachment, version string) string {
	prefix := strings.TrimPrefix(attachment, "x")
	if version != "" {
		prefix += "." + version
	}
	return prefix
}

// versionName is the key of an attachment in batchDoc.Attached and Pieces.
func versionName(name string) string { return fmt.Sprintf("x%x", name) }

// pieceSum returns the checksum of a piece.
func pieceSum(key string, data []byte) int64 { return checksum.Bytes([]byte(key), data) }

// Attachment implements [store.Store].
func (s *Store) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := s.yieldAttachment(ctx, id, name, yield); err != nil {
			yield(nil, wrap(err, "read attachment of batch %q", id))
		}
	}
}

// yieldAttachment returns nil when it has yielded all pieces or yield has
// returned false.
func (s *Store) yieldAttachment(ctx context.Context, id, name string, yield func([]byte, error) bool) error {
	d, err := s.read(ctx, id)
	if err != nil {
		return err
	}
	version, more := d.Attached[versionName(name)], true
	err = s.eachPiece(ctx, d, versionName(name), func(chunk []byte) bool {
		more = yield(chunk, nil)
		return more
	})
	if !more || err != nil && !isDamaged(err) {
		return err
	}
	if changed := s.sameVersion(ctx, id, name, version); changed != nil {
		return changed
	}
	return err
}

// eachPiece calls use with the pieces of an attachment, named by its key in Pieces,
// in order, until it returns false. The document of their batch has their checksums. Errors:
// metrics.ErrCorrupt, also for a piece that is not there any more.
func (s *Store) eachPiece(ctx context.Context, d *batchDoc, name string, use func([]byte) bool) error {
	sums, prefix := d.Pieces[name], piecePrefix(name, d.Attached[name])
	for n := 0; d.Sum == 0 || n < len(sums); n++ {
		key := pieceKey(d.ID, prefix, n)
		chunk, err := s.piece(ctx, key)
		switch {
		case errors.Is(err, mongo.ErrNoDocuments) && d.Sum == 0:
			return nil
		case errors.Is(err, mongo.ErrNoDocuments):
			return checksum.Corrupt("piece %d of %q is missing", n, name)
		case err != nil:
			return err
		case d.Sum != 0 && pieceSum(key, chunk) != sums[n]:
			return checksum.Corrupt("piece %d of %q is not what was written", n, name)
		}
		if !use(chunk) {
			return nil
		}
	}
	return nil
}

func (s *Store) piece(ctx context.Context, key string) ([]byte, error) {
	var doc struct {
		Data []byte `bson:"data"`
	}
	err := s.run.Find(ctx, s.attachments, eq("_id", key), &doc)
	return doc.Data, err
}

// putPiece stores a piece of an attachment and returns its checksum.
func (s *Store) putPiece(ctx context.Context, id, name, prefix string, n int, data []byte) (int64, error) {
	key := pieceKey(id, prefix, n)
	_, err := s.run.Insert(ctx, s.attachments, eq("_id", key, "batch_id", id, "name", name, "data", data))
	return pieceSum(key, data), err
}
