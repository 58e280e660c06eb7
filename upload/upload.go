package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/store"
)

// Upload reads a file and stores its valid rows as a batch. When it returns nil
// the batch is durable; after an error nothing of the file is kept. The batch
// does not count before it is processed. With File.IdempotencyKey it is safe to
// repeat.
//
// A batch keeps the content of its file until it is deleted: the same content
// again is answered with that batch. Another upload with the same content, or
// with File.Dedupe the same rows, fails with ErrInFlight while this one is under
// way, and for up to store.ClaimTimeout after its process was lost. All of this
// needs a store that is a [store.Deduper]. A key of a file that is answered so is
// kept too, as if it was that of the earlier batch, unless that is archived.
//
// Memory does not depend on the size of the file, but on the days, event types
// and groups in it, and on the rows that DedupeOccurrence counts: those that are known or repeat. All
// uploads together stay within Options.Memory: one that needs what others use
// waits, and fails with budget.ErrBusy if that takes too long, or if all wait.
// Upload uses at most four goroutines and waits for them before it returns, and
// so for a pending Read of File.Body.
//
// Errors before File.Body is read, which are not measured: ErrNoBody, ErrNoText,
// *UnknownSchemaError, ErrNoOriginal, store.ErrUnsupported for a Dedupe,
// budget.ErrBusy. Errors that concern the file: ErrNoRows, ErrTooLarge,
// ErrTooManyRows, *DedupeLimitError, *ToleranceError if too many rows are rejected,
// *RejectedError if no row is valid, *RepairError, *ReadingError,
// *ingest.FormatError, *ingest.HeaderError, *ingest.AmbiguousTimeError,
// *ingest.RuleError, *budget.ExceededError if it needs more memory than there is.
// Other errors: ErrInFlight, ErrKeyReused, budget.ErrBusy, and those of File.Admit,
// File.Body, ctx and the store.
func (u *Uploader) Upload(ctx context.Context, f File) (Receipt, error) {
	checked, err := u.prepare(ctx, f)
	if err != nil {
		return Receipt{}, err
	}
	defer checked.memory.Release()
	ctx, done := u.tel.observe(ctx)
	r, err := u.uploadOnce(ctx, checked)
	done(&r, err)
	return r, unwrapAdmit(err)
}

// plan is a File that was checked, with what its names refer to.
type plan struct {
	File
	schema   ingest.Schema
	original *store.Batch  // of a repair, else nil
	deduper  store.Deduper // nil if the store has none
	memory   *budget.Hold
}

// prepare checks a file before it is read. Errors: ErrNoBody; ErrNoText; *UnknownSchemaError;
// ErrNoOriginal; store.ErrUnsupported; those of acquire; an error of the store.
func (u *Uploader) prepare(ctx context.Context, f File) (*plan, error) {
	if f.Body == nil {
		return nil, ErrNoBody
	}
	if !clip.IsText(f.IdempotencyKey) || !clip.IsText(f.RepairOf) || !clip.IsText(f.Uploader) {
		return nil, ErrNoText
	}
	f.Name = clip.Text(f.Name, len(f.Name))
	schema, err := u.Schema(f.Schema)
	if err != nil {
		return nil, err
	}
	original, err := u.original(ctx, f.RepairOf)
	if err != nil {
		return nil, err
	}
	deduper, err := u.deduper(&f)
	if err != nil {
		return nil, err
	}
	memory, err := u.acquire(ctx, &f)
	if err != nil {
		return nil, err
	}
	return &plan{f, schema, original, deduper, memory}, nil
}

// admitError is an error of File.Admit.
type admitError struct{ error }

func (e *admitError) Unwrap() error { return e.error }

// unwrapAdmit returns the error of File.Admit as it was.
func unwrapAdmit(err error) error {
	if refused, ok := errors.AsType[*admitError](err); ok {
		return refused.error
	}
	return err
}

// admit asks File.Admit, if there is one. Errors: *admitError.
func (f *File) admit(ctx context.Context) error {
	if f.Admit == nil {
		return nil
	}
	if err := f.Admit(ctx); err != nil {
		return &admitError{err}
	}
	return nil
}

// uploadOnce handles idempotency keys.
func (u *Uploader) uploadOnce(ctx context.Context, f *plan) (Receipt, error) {
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
	if err := f.admit(ctx); err != nil {
		return Receipt{}, err
	}
	body := newBody(ctx, f.Body, u.opts.MaxUploadBytes)
	defer u.endBody(ctx, body)
	if _, err := io.Copy(io.Discard, body); err != nil {
		return Receipt{}, &bodyError{err}
	}
	return u.replay(ctx, &f.File, earlier, body.digest())
}

// upload reads a file whose idempotency key, if any, is free.
func (u *Uploader) upload(ctx context.Context, f *plan) (Receipt, error) {
	created := u.now()
	id := store.NewID(created)
	w, err := u.store.Begin(ctx, id)
	if err != nil {
		return Receipt{}, fmt.Errorf("eventmetrics: begin batch: %w", err)
	}
	defer u.abort(ctx, w, id)

	body := newBody(ctx, f.Body, u.opts.MaxUploadBytes)
	defer u.endBody(ctx, body)
	sum, err := u.stream(ctx, f, body, w, claims{own: id, claim: func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
		return f.deduper.Claim(ctx, id, fps)
	}})
	if err != nil {
		return Receipt{}, err
	}
	if err := sum.attach(ctx, w); err != nil {
		return Receipt{}, err
	}
	if err := attachTrace(ctx, w); err != nil {
		return Receipt{}, fmt.Errorf("eventmetrics: store trace: %w", err)
	}
	if err := attachUploader(ctx, w, f.Uploader); err != nil {
		return Receipt{}, err
	}
	b := u.newBatch(id, created, &f.File, sum, body.digest())
	earlier, err := u.claimFile(ctx, f.deduper, id, &f.File, b.SHA256)
	if err != nil {
		return Receipt{}, err
	}
	if earlier != "" {
		return u.answerEarlier(ctx, f.deduper, &f.File, sum, earlier, b.SHA256)
	}
	if err := u.checkRepairs(ctx, f.original, sum.accepted); err != nil {
		return Receipt{}, err
	}
	stored, err := w.Commit(ctx, b, sum.contribution)
	if errors.Is(err, store.ErrKeyTaken) {
		return u.replayTaken(ctx, &f.File, b.SHA256)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("eventmetrics: commit batch: %w", err)
	}
	u.logger.InfoContext(ctx, "batch uploaded", "batch", id, "events", stored.AcceptedRows, "failed", stored.RejectedRows, "duplicates", stored.DuplicateRows)
	return Receipt{Batch: stored, Errors: sum.errors, ReadAs: sum.readAs, Warnings: sum.warnings}, nil
}

// newBatch describes a batch for [store.Writer].Commit.
func (u *Uploader) newBatch(id string, created time.Time, f *File, sum *summary, digest string) store.Batch {
	b := store.Batch{
		ID:            id,
		FileName:      f.Name,
		SHA256:        digest,
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
	return b
}

// abort ends a Writer in every case, also if ctx has ended.
func (u *Uploader) abort(ctx context.Context, w store.Writer, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := w.Abort(ctx); err != nil {
		u.logger.WarnContext(ctx, "unfinished upload left for cleanup", "batch", id, "err", err)
	}
}
