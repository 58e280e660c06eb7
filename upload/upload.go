package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/store"
)

// Names of the attachments that an upload leaves beside its events.
const (
	ErrorsAttachment   = "errors"   // what Receipt.Errors was, as JSON
	WarningsAttachment = "warnings" // what Receipt.Warnings was, as JSON
	RepairAttachment   = "repair"   // the repair file
	TraceAttachment    = "trace"    // the traceparent of the upload
)

// File is a file to upload.
type File struct {
	// Name is what its sender calls it.
	Name string
	// Body is its content. Upload reads it to the end, or until an error.
	Body io.Reader
	// Format is how Body is written: ingest.CSV or ingest.NDJSON.
	Format ingest.Format
	// Zone is the zone of time stamps that name none; nil means UTC.
	Zone *time.Location
	// DateOrder says whether the day or the month comes first in dates such as
	// 03/04/2025; by default the file must tell.
	DateOrder ingest.DateOrder
	// Schema is a name in Options.Schemas; "" means Options.Schema.
	Schema string
	// IdempotencyKey makes it safe to send the file again: a second Upload
	// with the same key and content returns the Receipt of the first. Empty
	// means none.
	IdempotencyKey string
	// Tolerance says how many rejected rows are too many; by default all.
	Tolerance Tolerance
	// Repairs is the id of the batch whose repair file this is, mended; ""
	// means none. See [Service.RepairStatus].
	RepairOf string
	// Dedupe says which rows are left out because they are there already; by
	// default none.
	Dedupe Dedupe
	// AllowDuplicate stores the file although another batch has the same
	// content, under the same schema. Otherwise Upload returns the Receipt of
	// that batch. It says nothing about rows.
	AllowDuplicate bool
}

// Receipt is the answer to an upload.
type Receipt struct {
	// Batch is the batch as it was stored; Batch.Events and Batch.Failed are
	// the numbers of accepted and rejected rows, Batch.Duplicates is that of
	// the rows that File.Dedupe left out.
	Batch store.Batch
	// Errors are the first rejected rows, at most Options.MaxErrors, with
	// their values shortened.
	Errors []ingest.RowError
	// Warnings are the rules with Warn that accepted rows have broken.
	Warnings []ingest.Warning
	// Replayed means that the batch is that of an earlier Upload with the same
	// idempotency key.
	Replayed bool
	// DuplicateOf is the id of Batch if that is an earlier one with the same
	// content, and nothing was stored; else "".
	DuplicateOf string
}

// Upload reads a file and stores its valid rows as a batch. When it returns
// nil the batch is durable; after an error nothing of the file is kept. The
// batch does not count before [Service.Process].
//
// A batch has the content of its file until it is deleted: the same content
// again is answered with it. Another upload with the same content, or with
// File.Dedupe the same rows, that is not done yet is ErrInFlight, and so is
// one whose process was lost, for up to two minutes. A store that is no
// [store.Deduper] knows nothing of this.
//
// Memory does not depend on the size of the file, but for the distinct rows
// that DedupeOccurrence counts. Upload works on three
// goroutines at most and waits for them, and so for a pending Read of the
// body, before it returns.
//
// Errors: ErrNoRows; *ToleranceError when too many rows are rejected;
// *RejectedError when no row is valid; *ingest.HeaderError when a column is
// missing; *ingest.AmbiguousTimeError; *ingest.RuleError; *UnknownSchemaError,
// ErrNoOriginal, and store.ErrUnsupported for a Dedupe, before the body is read;
// ErrTooLarge and *DedupeLimitError; ErrInFlight; ErrKeyReused for an
// idempotency key; an error of Body, of ctx or of the store.
func (u *Uploader) Upload(ctx context.Context, f File) (Receipt, error) {
	ctx, done := u.observeUpload(ctx)
	r, err := u.uploadOnce(ctx, f)
	done(&r, err)
	return r, err
}

// uploadOnce looks after idempotency keys.
func (u *Uploader) uploadOnce(ctx context.Context, f File) (Receipt, error) {
	if _, err := u.Schema(f.Schema); err != nil {
		return Receipt{}, err
	}
	if f.IdempotencyKey == "" {
		return u.upload(ctx, f)
	}
	if !u.lockKey(f.IdempotencyKey) {
		return Receipt{}, ErrInFlight
	}
	defer u.unlockKey(f.IdempotencyKey)
	earlier, err := u.batchOfKey(ctx, f.IdempotencyKey)
	if err != nil {
		return Receipt{}, err
	}
	if earlier == nil {
		return u.upload(ctx, f)
	}
	body := newBody(ctx, f.Body, u.opts.MaxUploadBytes)
	defer func() { u.tel.UploadBytes.Add(ctx, body.n) }()
	if _, err := io.Copy(io.Discard, body); err != nil {
		return Receipt{}, &bodyError{err}
	}
	return u.replay(ctx, earlier, body.digest())
}

func (u *Uploader) upload(ctx context.Context, f File) (Receipt, error) {
	if err := u.checkRepairOf(ctx, f.RepairOf); err != nil {
		return Receipt{}, err
	}
	deduper, err := u.deduper(&f)
	if err != nil {
		return Receipt{}, err
	}
	created := u.now()
	id := store.NewID(created)
	w, err := u.store.Begin(ctx, id)
	if err != nil {
		return Receipt{}, fmt.Errorf("eventmetrics: begin batch: %w", err)
	}
	defer u.abort(ctx, w, id)

	body := newBody(ctx, f.Body, u.opts.MaxUploadBytes)
	defer func() { u.tel.UploadBytes.Add(ctx, body.n) }()
	sum, err := u.stream(ctx, f, body, w, func(ctx context.Context, prints []store.Fingerprint) ([]string, error) {
		return deduper.Claim(ctx, id, prints)
	})
	if err != nil {
		return Receipt{}, err
	}
	if err := sum.attach(ctx, w); err != nil {
		return Receipt{}, err
	}
	if err := attachTrace(ctx, w); err != nil {
		return Receipt{}, fmt.Errorf("eventmetrics: store trace: %w", err)
	}
	b := store.Batch{
		ID:            id,
		FileName:      f.Name,
		SHA256:        body.digest(),
		AcceptedRows:  sum.accepted,
		RejectedRows:  sum.rejected,
		DuplicateRows: sum.duplicates,
		Created:       created,
		RepairOf:      f.RepairOf,
	}
	if f.IdempotencyKey != "" {
		b.IdempotencyKey = f.IdempotencyKey
		b.KeyExpires = created.Add(u.opts.KeyTTL)
	}
	earlier, err := u.claimFile(ctx, deduper, id, &f, b.SHA256)
	if err != nil {
		return Receipt{}, err
	}
	if earlier != "" {
		return u.answerEarlier(ctx, deduper, &f, earlier, b.SHA256)
	}
	stored, err := w.Commit(ctx, b, sum.contribution)
	if errors.Is(err, store.ErrKeyTaken) {
		return u.replayTaken(ctx, f.IdempotencyKey, b.SHA256)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("eventmetrics: commit batch: %w", err)
	}
	u.logger.InfoContext(ctx, "batch uploaded", "batch", id, "events", stored.AcceptedRows, "failed", stored.RejectedRows, "duplicates", stored.DuplicateRows)
	return Receipt{Batch: stored, Errors: sum.errors, Warnings: sum.warnings}, nil
}

// abort ends a Writer whatever became of it, also when ctx is what ended it.
func (u *Uploader) abort(ctx context.Context, w store.Writer, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := w.Abort(ctx); err != nil {
		u.logger.WarnContext(ctx, "remainder left for cleanup", "batch", id, "err", err)
	}
}

// replayTaken answers an upload that lost to another process with its key.
func (u *Uploader) replayTaken(ctx context.Context, key, digest string) (Receipt, error) {
	earlier, err := u.batchOfKey(ctx, key)
	if err != nil {
		return Receipt{}, err
	}
	if earlier == nil { // deleted in this moment
		return Receipt{}, ErrInFlight
	}
	return u.replay(ctx, earlier, digest)
}

func (u *Uploader) replay(ctx context.Context, earlier *store.Batch, digest string) (Receipt, error) {
	if digest != earlier.SHA256 {
		return Receipt{}, ErrKeyReused
	}
	r, err := u.receiptOf(ctx, earlier)
	r.Replayed = true
	return r, err
}

// receiptOf returns the receipt of a batch that is there.
func (u *Uploader) receiptOf(ctx context.Context, b *store.Batch) (Receipt, error) {
	r := Receipt{Batch: *b}
	if err := Recall(ctx, u.store, b.ID, ErrorsAttachment, &r.Errors); err != nil {
		return Receipt{}, err
	}
	if err := Recall(ctx, u.store, b.ID, WarningsAttachment, &r.Warnings); err != nil {
		return Receipt{}, err
	}
	return r, nil
}

// Recall decodes an attachment, if the batch has it.
func Recall(ctx context.Context, st store.Store, id, name string, into any) error {
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

// batchOfKey returns the batch that owns a key now, or nil.
func (u *Uploader) batchOfKey(ctx context.Context, key string) (*store.Batch, error) {
	found, err := u.store.Batches(ctx, store.BatchQuery{IdempotencyKey: key, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("eventmetrics: look up idempotency key: %w", err)
	}
	if len(found) == 0 || !found[0].KeyExpires.After(u.now()) {
		return nil, nil //nolint:nilnil // no batch is an answer here, not an error
	}
	return &found[0], nil
}

func (u *Uploader) lockKey(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, flying := u.inFlight[key]; flying {
		return false
	}
	u.inFlight[key] = struct{}{}
	return true
}

func (u *Uploader) unlockKey(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.inFlight, key)
}

// Repair returns the repair file of a batch in chunks: a CSV file of the
// rejected rows with the reasons, as far as Options.MaxRepairBytes allows, to
// be mended and uploaded again. It is empty if no row was rejected. A chunk is valid until the next. Errors:
// store.ErrNotFound; ErrRowsPurged when Options.Retention has removed it;
// store.ErrChanged when that, or an erasure, happens meanwhile.
func (u *Uploader) RepairFile(ctx context.Context, id string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		some := false
		for chunk, err := range u.store.Attachment(ctx, id, RepairAttachment) {
			if some = true; !yield(chunk, err) {
				return
			}
		}
		if some {
			return
		}
		b, err := u.store.Batch(ctx, id)
		if err == nil && b.RejectedRows > 0 {
			err = ErrRowsPurged
		}
		if err != nil {
			yield(nil, err)
		}
	}
}
