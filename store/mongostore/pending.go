package mongostore

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// pendingPrefix is the prefix of the pieces of a pending contribution in the
// collection attachments. It is not that of an attachment: those are in
// hexadecimal.
const pendingPrefix = "pending"

// Pending implements [store.Store].
func (s *Store) Pending(ctx context.Context, id string) (metrics.Contribution, error) {
	c, err := s.pending(ctx, id)
	return c, wrap(err, "read pending contribution of batch %q", id)
}

// pending reads the pieces. A concurrent Record or DeleteBatch may remove some of
// them meanwhile. What is left is corrupt then, and the reason is that the batch
// is recorded or deleted.
func (s *Store) pending(ctx context.Context, id string) (metrics.Contribution, error) {
	if _, err := s.read(ctx, id); err != nil {
		return nil, err
	}
	var text []byte
	for n := 0; ; n++ {
		piece, err := s.piece(ctx, pieceKey(id, pendingPrefix, n))
		if errors.Is(err, mongo.ErrNoDocuments) {
			break
		}
		if err != nil {
			return nil, err
		}
		text = append(text, piece...)
	}
	if text == nil {
		return nil, nil
	}
	c, err := metrics.DecodeContribution(text, metrics.AllParts())
	if !errors.Is(err, metrics.ErrCorrupt) {
		return c, err
	}
	if _, missing := s.read(ctx, id); missing != nil {
		return nil, missing
	}
	recorded, errLedger := s.ledger.IsRecorded(ctx, id)
	if recorded || errLedger != nil {
		return nil, errLedger
	}
	return nil, err
}

// writePending stores the pending contribution of a batch that is about to
// become visible. It is safe to repeat.
func (s *Store) writePending(ctx context.Context, id string, c metrics.Contribution) error {
	if len(c) == 0 {
		return nil
	}
	text, err := c.AppendBinary(nil)
	for n := 0; err == nil && len(text) > 0; n++ {
		size := min(len(text), attachmentPiece)
		_, err = s.run.Insert(ctx, s.attachments, eq("_id", pieceKey(id, pendingPrefix, n), "batch_id", id, "data", text[:size]))
		text = text[size:]
	}
	return err
}
