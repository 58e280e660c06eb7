package upload

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/store"
)

// deduper returns the store's Deduper. It is nil if the store has none and the
// file does not need it. Errors: store.ErrUnsupported.
func (u *Uploader) deduper(f *File) (store.Deduper, error) {
	d, ok := store.As[store.Deduper](u.store)
	if !ok && f.Dedupe != DedupeNone {
		return nil, fmt.Errorf("eventmetrics: find duplicates: %w", store.ErrUnsupported)
	}
	return d, nil
}

// claimFile claims the content of a file for its batch. It returns the id of an
// earlier batch with this content. If the file is to be stored nevertheless, its
// batch has the content too, so that it is known after the earlier one is deleted.
// Errors: ErrInFlight.
func (u *Uploader) claimFile(ctx context.Context, d store.Deduper, id string, f *File, digest string) (earlier string, _ error) {
	if d == nil {
		return "", nil
	}
	owners, err := d.Claim(ctx, id, fileFingerprint(digest, f.Schema))
	switch {
	case f.AllowDuplicate && (errors.Is(err, store.ErrClaimed) || err == nil && owners[0] != ""):
		if err := d.AddOwner(ctx, id, fileFingerprint(digest, f.Schema)[0]); err != nil {
			return "", fmt.Errorf("eventmetrics: claim content: %w", err)
		}
		return "", nil
	case errors.Is(err, store.ErrClaimed):
		return "", ErrInFlight
	case err != nil:
		return "", fmt.Errorf("eventmetrics: claim content: %w", err)
	}
	return owners[0], nil
}

// answerEarlier answers a file whose content an earlier batch has, and gives that
// batch the key of the file. Errors: ErrKeyReused, ErrInFlight, *ReadingError.
func (u *Uploader) answerEarlier(ctx context.Context, d store.Deduper, f *File, sum *summary, id, digest string) (Receipt, error) {
	if f.IdempotencyKey != "" { // the earlier batch may be that of another process with this key
		b, err := u.batchOfKey(ctx, f.IdempotencyKey)
		if err != nil {
			return Receipt{}, err
		}
		if b != nil {
			return u.replay(ctx, f, b, digest)
		}
	}
	b, err := u.store.Batch(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return u.answerArchived(ctx, d, f, id, digest)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("eventmetrics: read batch %s: %w", id, err)
	}
	r, err := u.receiptOf(ctx, &b)
	if err != nil {
		return Receipt{}, err
	}
	if err := compareReadings(&r, sum.readAs); err != nil {
		return Receipt{}, err
	}
	switch err := u.takeKey(ctx, d, f, id); {
	case errors.Is(err, store.ErrKeyTaken):
		return u.replayTaken(ctx, f, digest)
	case errors.Is(err, store.ErrNotFound):
		return u.answerArchived(ctx, d, f, id, digest)
	case err != nil:
		return Receipt{}, fmt.Errorf("eventmetrics: take idempotency key: %w", err)
	}
	r.DuplicateOf = id
	return r, nil
}

// takeKey gives the key of a file to the batch that answers it. It is durable
// before the answer is sent, so that no other content gets another answer.
func (u *Uploader) takeKey(ctx context.Context, d store.Deduper, f *File, id string) error {
	if f.IdempotencyKey == "" {
		return nil
	}
	now := u.now()
	return d.TakeKey(ctx, id, f.IdempotencyKey, now.Add(u.opts.KeyTTL), now)
}

// answerArchived answers a file whose earlier batch is not found: either it is
// archived and counts permanently, or it was deleted meanwhile. An archived batch
// has no keys. Errors: ErrInFlight.
func (u *Uploader) answerArchived(ctx context.Context, d store.Deduper, f *File, id, digest string) (Receipt, error) {
	owners, err := d.Owners(ctx, fileFingerprint(digest, f.Schema))
	if err != nil {
		return Receipt{}, fmt.Errorf("eventmetrics: look for content: %w", err)
	}
	if owners[0] != id {
		return Receipt{}, ErrInFlight
	}
	return Receipt{Batch: store.Batch{ID: id, SHA256: digest, Status: store.Completed, EventsPurged: true}, DuplicateOf: id}, nil
}

// previewClaims returns the claims of a dry run, which changes nothing.
func (u *Uploader) previewClaims(d store.Deduper) claims {
	const own = "this file"
	seen := seenTable{limit: u.opts.MaxDedupeRows}
	return claims{own: own, claim: func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
		owners, err := d.Owners(ctx, fps)
		if err != nil {
			return nil, err
		}
		for i := range fps {
			if owners[i] != "" {
				continue
			}
			n, err := seen.add(fps[i])
			if err != nil {
				return nil, err
			}
			if n > 1 {
				owners[i] = own
			}
		}
		return owners, nil
	}}
}

// previewFile returns the id of the batch that Upload would return, or "" if it
// would store the file. Errors: *ReadingError.
func (u *Uploader) previewFile(ctx context.Context, d store.Deduper, f *File, sum *summary, digest string) (string, error) {
	if d == nil || f.AllowDuplicate {
		return "", nil
	}
	owners, err := d.Owners(ctx, fileFingerprint(digest, f.Schema))
	if err != nil {
		return "", fmt.Errorf("eventmetrics: look for content: %w", err)
	}
	if owners[0] == "" {
		return "", nil
	}
	r, err := u.answerEarlier(ctx, d, &File{Schema: f.Schema}, sum, owners[0], digest)
	return r.DuplicateOf, err
}
