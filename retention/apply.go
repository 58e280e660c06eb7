package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// Report is the result of an Apply.
type Report struct {
	// Purged is the number of batches whose raw events were purged, Events the
	// number of these events.
	Purged, Events int64
	// Cleared is the number of batches whose rejected rows were purged, Rows
	// the number of these rows.
	Cleared, Rows int64
	// Archived is the number of batches of which only the counts are left.
	Archived int64
	// Dead is the number of dead letters that were discarded.
	Dead int64
	// Drifted is the number of batches that are old enough but keep their
	// events, because these do not sum to what the ledger has. A Reprocess
	// corrects them. Drifts are the first 100 of them.
	Drifted int64
	Drifts  []ledger.Drift
	// Unreadable is the number of batches that failed; the log says why.
	Unreadable int64
}

// Apply removes what is older than Options.Policy allows. A dry run counts the
// same and removes nothing. Before the raw events of a batch are purged, they
// are summed a last time and compared with the ledger, in a dry run too. It is
// safe to repeat, to run concurrently with everything else, and to cancel.
// Errors: store.ErrUnsupported if the policy needs a [store.Retainer] and the
// store is none.
func (e *Enforcer) Apply(ctx context.Context, dryRun bool) (Report, error) {
	ctx, done := e.tel.observeApply(ctx, dryRun)
	k, err := e.newRun(dryRun)
	if err == nil {
		err = k.apply(ctx)
	}
	done(&k.Report, err)
	if err != nil {
		return k.Report, fmt.Errorf("eventmetrics: retain: %w", err)
	}
	e.log(ctx, &k.Report, dryRun)
	return k.Report, nil
}

// log logs a report, as an error if something old had to stay.
func (e *Enforcer) log(ctx context.Context, r *Report, dryRun bool) {
	attrs := []any{
		"sealed", r.Purged, "events", r.Events, "cleared", r.Cleared, "rows", r.Rows, "forgotten", r.Archived, "dead", r.Dead,
		"drifted", r.Drifted, "unreadable", r.Unreadable, "dry_run", dryRun,
	}
	if r.Drifted > 0 || r.Unreadable > 0 {
		e.logger.ErrorContext(ctx, "retention skipped batches", attrs...)
		return
	}
	e.logger.InfoContext(ctx, "retention applied", attrs...)
}

// run is one Apply.
type run struct {
	Report
	enforcer *Enforcer
	policy   Policy
	now      time.Time
	dryRun   bool

	store store.Retainer
}

func (e *Enforcer) newRun(dryRun bool) (*run, error) {
	k := &run{enforcer: e, policy: e.opts.Policy, now: e.now(), dryRun: dryRun}
	var ok bool
	k.store, ok = store.As[store.Retainer](e.store)
	if k.policy.onBatches() && !ok {
		return k, store.ErrUnsupported
	}
	return k, nil
}

func (k *run) apply(ctx context.Context) error {
	if k.policy.onBatches() {
		for b, err := range store.All(ctx, k.enforcer.store, store.BatchQuery{}) {
			if err != nil {
				return err
			}
			err := k.applyTo(ctx, b)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, store.ErrUnavailable):
				return err
			case err != nil && !errors.Is(err, store.ErrNotFound): // the other batches come next
				k.Unreadable++
				k.enforcer.logger.ErrorContext(ctx, "applying retention to batch failed", "batch", b.ID, "err", err)
			}
		}
	}
	if k.policy.Dead <= 0 {
		return nil
	}
	var err error
	k.Dead, err = k.enforcer.opts.DiscardDead(ctx, k.dryRun, "older than dead letters are kept", func(job *queue.DeadJob) bool {
		return k.old(job.Died, k.policy.Dead)
	})
	return err
}

// old reports whether a time is longer ago than a period, if that is limited.
func (k *run) old(from time.Time, period time.Duration) bool {
	return period > 0 && k.now.Sub(from) > period
}

func (k *run) applyTo(ctx context.Context, b *store.Batch) error {
	archive := b.Status == store.Completed && k.old(b.Created, k.policy.Batches)
	if archive || b.Status == store.Completed && k.old(b.Created, k.policy.Events) {
		purged, err := k.purge(ctx, b)
		if err != nil {
			return err
		}
		archive = archive && purged
	}
	if archive {
		return k.archive(ctx, b)
	}
	if b.RejectedRows > 0 && k.old(b.Created, k.policy.Rejected) {
		return k.removeRejected(ctx, b)
	}
	return nil
}

// purge purges the events of a batch and reports whether they are gone. It
// leaves those of a batch that drifted.
func (k *run) purge(ctx context.Context, b *store.Batch) (bool, error) {
	if b.EventsPurged {
		return true, nil
	}
	if auditor, ok := store.As[store.Auditor](k.enforcer.store); ok {
		drift, err := k.enforcer.ledger.DriftOf(ctx, auditor, b)
		if errors.Is(err, ledger.ErrErasing) { // needs the events; the next Apply purges them
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if drift != nil {
			if k.Drifted++; len(k.Drifts) < 100 {
				k.Drifts = append(k.Drifts, *drift)
			}
			return false, nil
		}
	}
	if !k.dryRun {
		if err := k.store.PurgeEvents(ctx, b.ID); err != nil {
			return false, err
		}
		if b.Erasure != "" { // of no use without the events
			if err := k.store.ReplaceAttachment(ctx, b.ID, ledger.KeptAttachment(b.Erasure), nothing); err != nil {
				return true, err
			}
		}
	}
	k.Purged++
	k.Events += b.Events()
	return true, nil
}

func (k *run) archive(ctx context.Context, b *store.Batch) error {
	if !k.dryRun {
		if err := k.store.Archive(ctx, b.ID); err != nil {
			return err
		}
	}
	k.Archived++
	return nil
}

// removeRejected purges the rejected rows of a batch. The repair file goes last:
// while it is there, the next Apply finishes what this one has begun.
func (k *run) removeRejected(ctx context.Context, b *store.Batch) error {
	kept, err := exists(k.enforcer.store.Attachment(ctx, b.ID, upload.RepairAttachment))
	if err != nil || !kept {
		return err
	}
	if !k.dryRun {
		for _, name := range []string{upload.ErrorsAttachment, upload.WarningsAttachment, upload.RepairAttachment} {
			if err := k.store.ReplaceAttachment(ctx, b.ID, name, nothing); err != nil {
				return fmt.Errorf("remove %s: %w", name, err)
			}
		}
	}
	k.Cleared++
	k.Rows += b.RejectedRows
	return nil
}

// nothing yields no chunk.
func nothing(func([]byte, error) bool) {}

// exists reports whether an attachment has any content.
func exists(chunks iter.Seq2[[]byte, error]) (bool, error) {
	for _, err := range chunks {
		return err == nil, err
	}
	return false, nil
}
