package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/store"
)

// Names of the attachments that an upload stores with its batch.
const (
	ErrorsAttachment   = "errors"   // Receipt.Errors as JSON
	WarningsAttachment = "warnings" // Receipt.Warnings as JSON
	ReadAsAttachment   = "read_as"  // Receipt.ReadAs as JSON
	RepairAttachment   = "repair"   // the repair file
	TraceAttachment    = "trace"    // the traceparent of the upload
	UploaderAttachment = "uploader" // File.Uploader
)

// attachUploader stores who uploads a batch, if that is known.
func attachUploader(ctx context.Context, w store.Writer, name string) error {
	if name == "" {
		return nil
	}
	if err := w.Attach(ctx, UploaderAttachment, []byte(name)); err != nil {
		return fmt.Errorf("eventmetrics: store uploader: %w", err)
	}
	return nil
}

// UploaderOf returns the File.Uploader of a batch, or "" if it was not recorded.
// Errors: store.ErrNotFound.
func (u *Uploader) UploaderOf(ctx context.Context, id string) (string, error) {
	name, err := store.ReadAttachment(ctx, u.store, id, UploaderAttachment)
	if err != nil {
		return "", fmt.Errorf("eventmetrics: read uploader of batch %s: %w", id, err)
	}
	return string(name), nil
}

// replayTaken answers an upload whose key another process has taken meanwhile.
func (u *Uploader) replayTaken(ctx context.Context, f *File, digest string) (Receipt, error) {
	earlier, err := u.batchOfKey(ctx, f.IdempotencyKey)
	if err != nil {
		return Receipt{}, err
	}
	if earlier == nil { // deleted meanwhile
		return Receipt{}, ErrInFlight
	}
	return u.replay(ctx, f, earlier, digest)
}

// replay answers an upload with the receipt of the batch that has its key.
// Errors: ErrKeyReused, *ReadingError.
func (u *Uploader) replay(ctx context.Context, f *File, earlier *store.Batch, digest string) (Receipt, error) {
	if digest != earlier.SHA256 {
		return Receipt{}, ErrKeyReused
	}
	r, err := u.receiptOf(ctx, earlier)
	if err != nil {
		return Receipt{}, err
	}
	if err := compareReadings(&r, f.wouldRead(&r)); err != nil {
		return Receipt{}, err
	}
	r.Replayed = true
	if !u.isOwnKey(f.IdempotencyKey, earlier) {
		r.DuplicateOf = earlier.ID
	}
	return r, nil
}

// isOwnKey reports whether the batch that has a key was stored by a request with
// it. Otherwise such a request was answered with the batch, as a duplicate.
func (u *Uploader) isOwnKey(key string, b *store.Batch) bool {
	return b.IdempotencyKey == key && b.KeyExpires.After(u.now())
}

// receiptOf returns the receipt of a stored batch.
func (u *Uploader) receiptOf(ctx context.Context, b *store.Batch) (Receipt, error) {
	r := Receipt{Batch: *b}
	var err error
	if r.Errors, err = u.RejectedRows(ctx, b.ID); err != nil {
		return Receipt{}, err
	}
	if err := DecodeAttachment(ctx, u.store, b.ID, WarningsAttachment, &r.Warnings); err != nil {
		return Receipt{}, err
	}
	if err := DecodeAttachment(ctx, u.store, b.ID, ReadAsAttachment, &r.ReadAs); err != nil {
		return Receipt{}, err
	}
	return r, nil
}

// DecodeAttachment decodes the JSON of an attachment into a value. It leaves the
// value as it is if the batch has no such attachment. Errors: store.ErrNotFound,
// store.ErrChanged.
func DecodeAttachment(ctx context.Context, st store.Store, id, name string, into any) error {
	text, err := store.ReadAttachment(ctx, st, id, name)
	if err != nil {
		return fmt.Errorf("eventmetrics: read %s of batch %s: %w", name, id, err)
	}
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("eventmetrics: decode %s of batch %s: %w", name, id, err)
	}
	return nil
}

// batchOfKey returns the batch that has an idempotency key now, or nil.
func (u *Uploader) batchOfKey(ctx context.Context, key string) (*store.Batch, error) {
	b, err := u.store.BatchOfKey(ctx, key, u.now())
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // no batch is an answer here, not an error
	}
	if err != nil {
		return nil, fmt.Errorf("eventmetrics: look up idempotency key: %w", err)
	}
	return &b, nil
}

// lockKey reports whether no other upload of this process has the key.
func (u *Uploader) lockKey(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, taken := u.locked[key]; taken {
		return false
	}
	u.locked[key] = struct{}{}
	return true
}

func (u *Uploader) unlockKey(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.locked, key)
}
