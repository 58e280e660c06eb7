package mongostore

import (
	"context"
	"errors"

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
	d, err := s.read(ctx, id)
	if err != nil {
		return nil, err
	}
	var text []byte
	err = s.eachPiece(ctx, d, pendingPrefix, func(piece []byte) bool {
		text = append(text, piece...)
		return true
	})
	var c metrics.Contribution
	if err == nil && text != nil {
		c, err = metrics.DecodeContribution(text, metrics.AllParts())
	}
	if !isDamaged(err) {
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

// isDamaged reports whether an error means that what was stored is damaged.
func isDamaged(err error) bool { return errors.Is(err, metrics.ErrCorrupt) }

// writePending stores the pending contribution of a batch that is about to
// become visible, and returns the checksums of its pieces. It is safe to repeat.
func (s *Store) writePending(ctx context.Context, id string, c metrics.Contribution) (sums []int64, err error) {
	if len(c) == 0 {
		return nil, nil
	}
	text, err := c.AppendBinary(nil)
	for n := 0; err == nil && len(text) > 0; n++ {
		size := min(len(text), attachmentPiece)
		var sum int64
		sum, err = s.putPiece(ctx, id, "", pendingPrefix, n, text[:size])
		sums, text = append(sums, sum), text[size:]
	}
	return sums, err
}
