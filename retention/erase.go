package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// ErrBadErasure means that an Erasure has no Subject, or no valid Counts.
var ErrBadErasure = errors.New("eventmetrics: erasure needs a subject and a counts mode")

// Erasure is a request to erase a subject: one value of the subject column.
type Erasure struct {
	// Subject is the value. It must not be empty, and is never logged.
	Subject string
	// Counts says what happens to the subject's part of the metrics.
	Counts ErasedCounts
	// DryRun only counts.
	DryRun bool
}

// ErasedCounts says what happens to the counts of an erased subject.
type ErasedCounts string

const (
	// KeepCounts leaves the metrics as they are.
	KeepCounts ErasedCounts = "keep"
	// SubtractCounts changes the metrics to what they would be without the rows
	// of the subject.
	SubtractCounts ErasedCounts = "subtract"
)

// ErasureReceipt describes what an Erase has done, without naming the subject.
type ErasureReceipt struct {
	// ID is the id of the erasure. Batches that had events of the subject have
	// it as Batch.Erasure.
	ID     string
	Time   time.Time
	Counts ErasedCounts
	DryRun bool
	// SubjectHash is the hexadecimal SHA-256 of ID, a line feed and the subject.
	// It proves to a reader who knows the subject that the receipt is about it.
	SubjectHash string
	// Batches is the number of batches that were read. Changed is the number of
	// those from which something was erased, ChangedIDs the first 100 of them.
	Batches, Changed int64
	ChangedIDs       []string
	// Events and Rows are the numbers of events and rejected rows that were
	// erased.
	Events, Rows int64
	// DeadLetters is the number of dead letters that were discarded, LastErrors
	// the number of batches whose LastError was replaced, because their text
	// named the subject.
	DeadLetters, LastErrors int64
	// Texts is the number of other texts that named the subject and were
	// erased: file names, idempotency keys and warnings of batches.
	Texts int64
	// Purged is the number of batches without raw events. Counts of the subject
	// in them stay, because they can no longer be separated. The same holds for
	// archived batches.
	Purged int64
	// Unreadable is the number of batches that failed; the log says why.
	// MoreUploads means that new batches of the subject kept coming. In both
	// cases the erasure is not complete and should be repeated.
	Unreadable  int64
	MoreUploads bool
	// Left is the number of events of other subjects, and of columns of files,
	// that still name the subject, LeftIDs the first 100 batches that have them.
	// LeftNames is the number of event types and values of dimensions in the
	// metrics that do. Erase does not remove them: deleting the batches does.
	Left, LeftNames int64
	LeftIDs         []string
	// Unfinished is the number of uploads that were not finished when Erase
	// began and have not gone on since: what they have written may name the
	// subject. Cleanup removes them.
	Unfinished int64
	// Unreachable is Options.Unreachable: a file of these schemas may have the
	// subject in a column that an erasure does not know. Unreached means that
	// events without a subject were read while there is such a schema.
	Unreachable []string
	Unreached   bool
}

// Complete reports whether nothing of the subject is left: everything was erased
// that can be, nothing else was found that names it, and nothing was read that
// may have it in a column that is not known.
func (r *ErasureReceipt) Complete() bool {
	return r.Unreadable == 0 && !r.MoreUploads && !r.Unreached && r.Left == 0 && r.LeftNames == 0 && r.Unfinished == 0
}

const (
	maxChanged = 100
	// maxPasses is how often Erase searches for batches that came meanwhile.
	maxPasses = 5
	// passSlack is how much the clocks of the store and the Service may differ.
	passSlack = time.Minute
)

// Erase erases a subject from all batches, in any status: raw events, rejected
// rows, and texts that name it: errors, warnings, file names, idempotency keys
// and dead letters. A rejected row that could not be split into columns is
// erased if the subject is anywhere in it. Then it looks for what still names
// the subject, and has the store scrub its files. It is safe to repeat and to run
// concurrently with everything else. If its process is lost, repeating it or the
// next Reprocess finishes what it has begun.
//
// It does not erase: counts of purged and archived batches; sketches, which hold
// parts of hashes and no values; fingerprints of a [store.Deduper], so that
// erased rows cannot be uploaded again; the errors and metadata of jobs that are
// not dead, which the queue keeps for at most a day; and uploads that go on
// meanwhile.
//
// White space and characters without width around the subject do not count, as
// in files. Errors: ErrBadErasure; store.ErrUnsupported if Options.Sums.Subject is empty
// or the store is no [store.Retainer] and [store.Auditor].
func (e *Enforcer) Erase(ctx context.Context, request Erasure) (ErasureReceipt, error) {
	ctx, done := e.tel.observeErase(ctx, request.DryRun)
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
	r := ErasureReceipt{
		ID: store.NewID(now), Time: now, Counts: request.Counts, DryRun: request.DryRun, Unreachable: e.opts.Unreachable,
	}
	request.Subject = ingest.Clean(request.Subject)
	if request.Subject == "" || request.Counts != KeepCounts && request.Counts != SubtractCounts {
		return r, ErrBadErasure
	}
	hash := sha256.Sum256([]byte(r.ID + "\n" + request.Subject))
	r.SubjectHash = hex.EncodeToString(hash[:])
	x := &eraser{enforcer: e, finder: newFinder(request.Subject), r: &r, seen: map[string]struct{}{}}
	var erases, amends bool
	x.store, erases = store.As[store.Retainer](e.store)
	x.auditor, amends = store.As[store.Auditor](e.store)
	if !erases || !amends || e.opts.Sums.Subject == "" {
		return r, store.ErrUnsupported
	}
	err := x.run(ctx)
	return r, err
}

// eraser erases one subject.
type eraser struct {
	finder
	enforcer *Enforcer
	r        *ErasureReceipt

	// seen are the batches that were read and may be listed again.
	seen map[string]struct{}

	store   store.Retainer
	auditor store.Auditor
}

func (x *eraser) run(ctx context.Context) error {
	var err error
	// A queue cannot change the text of a dead letter. Its batch stays failed.
	x.r.DeadLetters, err = x.enforcer.opts.DiscardDead(ctx, x.r.DryRun, "named an erased subject", func(job *queue.DeadJob) bool {
		return x.in(job.Err) || x.in(job.Metadata)
	})
	if err != nil {
		return err
	}
	if err := x.passes(ctx); err != nil {
		return err
	}
	if err := x.ledgerNames(ctx); err != nil {
		return err
	}
	old, err := x.enforcer.store.Prune(ctx, store.PruneQuery{Before: x.r.Time, DryRun: true})
	if err != nil {
		return fmt.Errorf("count unfinished uploads: %w", err)
	}
	x.r.Unfinished = old.Unfinished
	if x.r.DryRun {
		return nil
	}
	if err := x.store.Scrub(ctx); err != nil {
		return fmt.Errorf("scrub the store: %w", err)
	}
	return nil
}

func (x *eraser) passes(ctx context.Context) error {
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

// pass reads all batches the first time, and then the new ones: an upload that
// was under way may add a batch to a part of the list that the pass before had
// already read. It reports whether it changed a batch.
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
		switch {
		case errors.Is(err, store.ErrUnavailable):
			return changed, err
		case err != nil && !errors.Is(err, store.ErrNotFound): // the other batches come next
			x.r.Unreadable++
			x.enforcer.logger.ErrorContext(ctx, "erasing from batch failed", "batch", b.ID, "erasure", x.r.ID, "err", err)
		}
	}
	return changed, nil
}

// batch erases the subject from one batch and reports whether it was there.
func (x *eraser) batch(ctx context.Context, b *store.Batch) (changed bool, _ error) {
	left := x.r.Left
	defer func() {
		if x.r.Left > left && len(x.r.LeftIDs) < maxChanged {
			x.r.LeftIDs = append(x.r.LeftIDs, b.ID)
		}
	}()
	if b.EventsPurged {
		x.r.Purged++
	} else {
		n, err := x.events(ctx, b.ID)
		if errors.Is(err, store.ErrEventsPurged) { // meanwhile
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
	texts, err := x.texts(ctx, b)
	return changed || n > 0 || texts > 0, err
}
