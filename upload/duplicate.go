package upload

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/store"
)

// deduper returns what knows of duplicates, nil if the store does not and the
// file can do without. Errors: store.ErrUnsupported.
func (u *Uploader) deduper(f *File) (store.Deduper, error) {
	d, ok := store.As[store.Deduper](u.store)
	if !ok && f.Dedupe != DedupeNone {
		return nil, fmt.Errorf("eventmetrics: find duplicates: %w", store.ErrUnsupported)
	}
	return d, nil
}

// filePrint stands for the content of a file as its schema reads it.
func fileFingerprint(digest, schema string) []store.Fingerprint {
	return []store.Fingerprint{fingerprint([]byte(tagFile + digest + schema))}
}

// claimFile claims the content of a file for its batch. It returns the id of
// the batch that has it already, if the file is not to be stored then. Errors:
// ErrInFlight.
func (u *Uploader) claimFile(ctx context.Context, d store.Deduper, id string, f *File, digest string) (earlier string, _ error) {
	if d == nil {
		return "", nil
	}
	owners, err := d.Claim(ctx, id, fileFingerprint(digest, f.Schema))
	switch {
	case errors.Is(err, store.ErrClaimed) && f.AllowDuplicate:
		return "", nil
	case errors.Is(err, store.ErrClaimed):
		return "", ErrInFlight
	case err != nil:
		return "", fmt.Errorf("eventmetrics: claim content: %w", err)
	case f.AllowDuplicate:
		return "", nil
	}
	return owners[0], nil
}

// answerEarlier answers a file whose content an earlier batch has.
func (u *Uploader) answerEarlier(ctx context.Context, d store.Deduper, f *File, id, digest string) (Receipt, error) {
	if f.IdempotencyKey != "" { // it may be that of another process with the same key
		b, err := u.batchOfKey(ctx, f.IdempotencyKey)
		if err != nil {
			return Receipt{}, err
		}
		if b != nil {
			return u.replay(ctx, b, digest)
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
	r.DuplicateOf = id
	return r, err
}

// answerForgotten answers a file whose batch is not there: it was forgotten, and
// counts for ever, or was deleted in this moment. Errors: ErrInFlight.
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

// foresee returns a claim that changes nothing: a dry run's.
func (u *Uploader) previewClaims(d store.Deduper, mode Dedupe) claim {
	seen := seenTable{limit: u.opts.MaxDedupeRows}
	return func(ctx context.Context, prints []store.Fingerprint) ([]string, error) {
		owners, err := d.Owners(ctx, prints)
		if err != nil || mode == DedupeOccurrence { // whose fingerprints differ within a file
			return owners, err
		}
		for i := range prints {
			n, err := seen.add(prints[i])
			if err != nil {
				return nil, err
			}
			if n > 1 {
				owners[i] = "this file"
			}
		}
		return owners, nil
	}
}

// foreseeFile returns the id of the batch that an upload would answer with,
// "" if it would store the file.
func (u *Uploader) previewFile(ctx context.Context, d store.Deduper, f *File, digest string) (string, error) {
	if d == nil || f.AllowDuplicate {
		return "", nil
	}
	owners, err := d.Owners(ctx, fileFingerprint(digest, f.Schema))
	if err != nil {
		return "", fmt.Errorf("eventmetrics: look for content: %w", err)
	}
	return owners[0], nil
}
