package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// ErrBadErasure means that an Erasure names no subject, or neither
// KeepCounts nor SubtractCounts.
var ErrBadErasure = errors.New("eventmetrics: erasure without a subject, or without a word on its counts")

// Erasure asks to erase a subject: one value of the column Options.Subject.
type Erasure struct {
	// Subject is the value. It must not be empty, and is never logged.
	Subject string
	// Counts says what becomes of what the subject has added to the metrics.
	Counts ErasedCounts
	// DryRun only counts.
	DryRun bool
}

// ErasedCounts says what becomes of the counts of a subject that is erased.
type ErasedCounts string

const (
	// KeepCounts leaves the metrics as they are.
	KeepCounts ErasedCounts = "keep"
	// SubtractCounts makes the metrics what they would be if the rows of the
	// subject had never been sent.
	SubtractCounts ErasedCounts = "subtract"
)

// ErasureReceipt tells what an Erase has done, without naming the subject.
type ErasureReceipt struct {
	// ID is that of the erasure, and Batch.Erasure of the batches that had
	// events of the subject.
	ID     string
	Time   time.Time
	Counts ErasedCounts
	DryRun bool
	// SubjectHash is the hexadecimal SHA-256 of ID, a line feed and the
	// subject: who knows the subject can prove that the receipt is about it.
	SubjectHash string
	// Batches is the number of batches that were looked at. Changed is the
	// number of those of which something was removed, ChangedIDs the first 100
	// of them.
	Batches, Changed int64
	ChangedIDs       []string
	// Events and Rows are the numbers of events and rejected rows that were
	// removed.
	Events, Rows int64
	// DeadLetters were discarded, and the Cause of Causes batches was replaced,
	// because their text named the subject.
	DeadLetters, LastErrors int64
	// Sealed batches have no raw events: whatever the subject has added to
	// their counts stays, since nobody can tell it any more. So it is with
	// batches that were forgotten.
	Purged int64
	// Unreadable batches could not be dealt with; the log says why. Unsettled
	// means that uploads went on adding batches of the subject. In both cases
	// the erasure is not complete and should be repeated.
	Unreadable  int64
	MoreUploads bool
}

// Complete reports whether nothing of the subject was left that could be
// removed.
func (r *ErasureReceipt) Complete() bool { return r.Unreadable == 0 && !r.MoreUploads }

const (
	maxChanged = 100
	// maxPasses is how often Erase looks again for batches that came meanwhile.
	maxPasses = 5
	// passSlack is how much the clocks of the store and the Service may differ.
	passSlack = time.Minute
)

// Erase removes what is kept of a subject from all batches, whatever their
// status: raw events, rejected rows, and texts of dead letters and failed
// batches. It is safe to repeat, which then finds nothing, and to run beside
// everything else. When the process is lost in the middle, repeating it, or the
// next Reprocess, ends what it had begun.
//
// Not removed are the counts of sealed and forgotten batches; sketches, which
// hold parts of hashes, no values; fingerprints of a [store.Deduper], so that
// rows that were erased do not come back by sending them again; and names of
// files and idempotency keys, which are the sender's words. An upload that has
// not ended is not looked at.
//
// Errors: ErrBadErasure; store.ErrUnsupported if the store cannot erase.
func (e *Enforcer) Erase(ctx context.Context, request Erasure) (ErasureReceipt, error) {
	ctx, done := e.observeErase(ctx, request.DryRun)
	r, err := e.erase(ctx, request)
	done(&r, err)
	if err != nil {
		return r, fmt.Errorf("eventmetrics: erase subject: %w", err)
	}
	attrs := []any{
		"erasure", r.ID, "counts", r.Counts, "batches", r.Batches, "changed", r.Changed, "events", r.Events, "rows", r.Rows,
		"dead_letters", r.DeadLetters, "unreadable", r.Unreadable, "unsettled", r.MoreUploads, "dry_run", r.DryRun,
	}
	if !r.Complete() {
		e.logger.ErrorContext(ctx, "subject not erased completely", attrs...)
	} else {
		e.logger.InfoContext(ctx, "subject erased", attrs...)
	}
	return r, nil
}

func (e *Enforcer) erase(ctx context.Context, request Erasure) (ErasureReceipt, error) {
	now := e.now()
	r := ErasureReceipt{ID: store.NewID(now), Time: now, Counts: request.Counts, DryRun: request.DryRun}
	if request.Subject == "" || request.Counts != KeepCounts && request.Counts != SubtractCounts {
		return r, ErrBadErasure
	}
	hash := sha256.Sum256([]byte(r.ID + "\n" + request.Subject))
	r.SubjectHash = hex.EncodeToString(hash[:])
	x := &eraser{enforcer: e, subject: request.Subject, r: &r, seen: map[string]struct{}{}}
	var erases, amends bool
	x.store, erases = store.As[store.Retainer](e.store)
	x.auditor, amends = store.As[store.Auditor](e.store)
	if !erases || !amends {
		return r, store.ErrUnsupported
	}
	err := x.run(ctx)
	return r, err
}

// eraser erases one subject.
type eraser struct {
	enforcer *Enforcer
	subject  string
	r        *ErasureReceipt

	// seen are the batches that were looked at and may be listed again.
	seen map[string]struct{}

	store   store.Retainer
	auditor store.Auditor
}

func (x *eraser) run(ctx context.Context) error {
	var err error
	// No queue can change the text of a dead letter. Their batches stay failed.
	x.r.DeadLetters, err = x.enforcer.opts.DiscardDead(ctx, x.r.DryRun, "named an erased subject", func(job *queue.DeadJob) bool {
		return x.mentions(job.Err)
	})
	if err != nil {
		return err
	}
	recent := x.enforcer.now().Add(-passSlack)
	for pass := range maxPasses {
		changed, err := x.pass(ctx, pass == 0, recent)
		if err != nil || x.r.DryRun || !changed {
			return err
		}
	}
	x.r.MoreUploads = true
	return nil
}

// pass looks at all batches the first time, and then at those that were not
// there before: an upload that was under way may end at a place of the list that
// the pass before had gone by. It reports whether one of them had to be changed.
func (x *eraser) pass(ctx context.Context, first bool, recent time.Time) (changed bool, _ error) {
	for b, err := range store.All(ctx, x.enforcer.store, store.BatchQuery{}) {
		if err != nil {
			return changed, err
		}
		_, known := x.seen[b.ID]
		isRecent := !b.Updated.Before(recent)
		if known || !first && !isRecent {
			continue
		}
		if isRecent {
			x.seen[b.ID] = struct{}{}
		}
		x.r.Batches++
		some, err := x.batch(ctx, b)
		if ctx.Err() != nil {
			return changed, ctx.Err()
		}
		if some {
			changed = true
			if x.r.Changed++; len(x.r.ChangedIDs) < maxChanged {
				x.r.ChangedIDs = append(x.r.ChangedIDs, b.ID)
			}
		}
		if ignore(err, store.ErrNotFound) != nil { // must not keep the others from being erased
			x.r.Unreadable++
			x.enforcer.logger.ErrorContext(ctx, "batch not erased from", "batch", b.ID, "erasure", x.r.ID, "err", err)
		}
	}
	return changed, nil
}

// batch erases the subject from one batch and reports whether it was there.
func (x *eraser) batch(ctx context.Context, b *store.Batch) (changed bool, _ error) {
	if b.EventsPurged {
		x.r.Purged++
	} else {
		n, err := x.events(ctx, b.ID)
		if errors.Is(err, store.ErrEventsPurged) { // sealed meanwhile
			err = nil
		}
		x.r.Events += n
		if changed = n > 0; err != nil {
			return changed, err
		}
	}
	n, err := x.rows(ctx, b)
	if err != nil {
		return changed, err
	}
	x.r.Rows += n
	if !x.mentions(b.LastError) {
		return changed || n > 0, nil
	}
	if !x.r.DryRun {
		err = x.enforcer.store.SetStatus(ctx, b.ID, []store.Status{b.Status}, b.Status, erasedText)
		if errors.Is(err, store.ErrConflict) { // moved on, and lost its cause by that
			err = nil
		}
	}
	x.r.LastErrors++
	return true, err
}

// erasedText replaces a text that named the subject.
const erasedText = "erased"

func (x *eraser) mentions(text string) bool { return mentions(text, x.subject) }
