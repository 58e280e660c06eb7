package mongostore

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// The checks of what belongs to one batch. Each returns an error for what is
// damaged, or has changed since the document of the batch was read.

// size is the work that it takes to check a batch, in documents.
func (d *batchDoc) size() int64 {
	n := d.Claims
	for _, sums := range d.Pieces {
		n += inspectPiece * int64(len(sums))
	}
	if d.Status != store.Completed {
		n += d.Events
	}
	return n
}

// hasChanged waits and then reports whether a batch is not as it was read.
func (s *Store) hasChanged(ctx context.Context, d *batchDoc) (bool, error) {
	if err := command.Pause(ctx, inspectPause); err != nil {
		return false, err
	}
	now, err := s.find(ctx, d.Key)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return true, nil
	}
	return err == nil && (now.Moved != d.Moved || now.Status != d.Status), err
}

func (s *Store) checkAttached(ctx context.Context, d *batchDoc) error {
	for name := range d.Pieces {
		if name == pendingPrefix || !d.visible() {
			continue
		}
		if err := s.eachPiece(ctx, d, name, func([]byte) bool { return true }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) checkPending(ctx context.Context, d *batchDoc) error {
	if !d.visible() {
		return nil
	}
	_, err := s.pending(ctx, d.ID)
	return err
}

// checkKeys checks that the batch has the keys that it notes and that have not
// expired.
func (s *Store) checkKeys(ctx context.Context, d *batchDoc) error {
	if !d.visible() || d.IdempotencyKey == "" && len(d.Keys) == 0 {
		return nil
	}
	docs, err := s.keyDocs(ctx, d.ID)
	if err != nil {
		return err
	}
	now := s.now()
	own := func(k keyDoc) bool { return k.Key == d.IdempotencyKey }
	if fromDate(d.KeyExpires).After(now) && !slices.ContainsFunc(docs, own) {
		return checksum.Corrupt("the idempotency key of the batch is not taken for it")
	}
	for _, n := range d.Keys {
		if n.Expires.After(now) && !slices.ContainsFunc(docs, func(k keyDoc) bool { return k.Sum == n.Sum }) {
			return checksum.Corrupt("a further idempotency key of the batch is lost")
		}
	}
	return nil
}

// checkWaiting reads the events of a batch that is not completed, which no audit
// reads.
func (s *Store) checkWaiting(ctx context.Context, d *batchDoc) error {
	if !d.visible() || d.Status == store.Completed {
		return nil
	}
	for _, err := range s.Events(ctx, d.ID) {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkLedger checks what counts of a batch.
func (s *Store) checkLedger(ctx context.Context, d *batchDoc) error {
	if d.Purging {
		return nil
	}
	err := s.ledger.Inspect(ctx, d.ID, d.Purged || !d.visible())
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !d.Recorded {
		return nil
	}
	return checksum.Corrupt("the ledger has no entry of the batch")
}

// checkClaims compares the fingerprints of a batch with those at its Commit.
func (s *Store) checkClaims(ctx context.Context, d *batchDoc) error {
	if d.Sum == 0 {
		return nil
	}
	n, sum, err := s.sumClaims(ctx, d.ID)
	if err == nil && (n != d.Claims || sum != d.ClaimsSum) {
		err = checksum.Corrupt("the batch has not the %d fingerprints that it had, but %d", d.Claims, n)
	}
	return err
}
