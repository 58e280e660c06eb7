package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eventmetrics/eventmetrics/store"
)

// Report is the result of a reprocess.
type Report struct {
	// Batches and Events are the numbers of batches and events that were
	// recounted.
	Batches, Events int64
	// Purged is the number of batches that were skipped because their raw events
	// were purged.
	Purged int64
	// Unreadable is the number of batches that could not be recounted; the log
	// says why.
	Unreadable int64
	// Drifted is the number of batches whose events did not sum to what the
	// ledger had.
	Drifted int64
	// Amended is the number of drifted batches whose contribution was corrected.
	Amended int64
	// Filled is the number of batches that were broken down by the configured
	// dimensions for the first time. That is no drift.
	Filled int64
	// Unfilled is the number of batches that lack the breakdown permanently,
	// because their events were purged.
	Unfilled int64
	// Drifts are the first 100 drifts.
	Drifts []Drift
	// WrongDays are the first 100 days whose sum was not that of the ledger.
	WrongDays []WrongDay
	// Rebuilt means that the store has rebuilt its daily sums because of
	// WrongDays.
	Rebuilt bool
}

const maxDrifts = 100

// Reprocess recounts every completed batch and corrects its contribution if it
// drifted. Then it compares the daily sums of all days with the ledger, and has
// the store rebuild them if some are wrong. It is safe to repeat and to run
// concurrently with everything else. A batch that cannot be recounted is
// reported and no error; a store that is away ends the run. Errors: store.ErrUnsupported if the store is no
// [store.Auditor]; store.ErrUnavailable; that of ctx.
func (l *Ledger) Reprocess(ctx context.Context) (Report, error) {
	ledger, ok := store.As[store.Auditor](l.store)
	if !ok {
		return Report{}, fmt.Errorf("eventmetrics: reprocess: %w", store.ErrUnsupported)
	}
	ctx, done := l.tel.observeReprocess(ctx)
	var r Report
	err := l.reprocessAll(ctx, ledger, &r)
	if err == nil {
		err = l.compareDays(ctx, &r)
	}
	done(&r, err)
	if err == nil {
		l.reportDrift(ctx, &r)
	}
	return r, err
}

func (l *Ledger) reprocessAll(ctx context.Context, ledger store.Auditor, r *Report) error {
	for b, err := range store.All(ctx, l.store, store.BatchQuery{Statuses: []store.Status{store.Completed}}) {
		if err != nil {
			return fmt.Errorf("eventmetrics: reprocess: %w", err)
		}
		err := l.reprocess(ctx, ledger, b, r)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, store.ErrUnavailable):
			return fmt.Errorf("eventmetrics: reprocess batch %s: %w", b.ID, err)
		case err != nil: // must not keep the others from being counted
			r.Unreadable++
			l.logger.ErrorContext(ctx, "recounting batch failed", "batch", b.ID, "err", err)
		}
	}
	return nil
}

func (l *Ledger) reportDrift(ctx context.Context, r *Report) {
	attrs := []any{
		"batches", r.Batches, "events", r.Events, "sealed", r.Purged, "unreadable", r.Unreadable, "drifted", r.Drifted, "amended", r.Amended,
		"filled", r.Filled, "unfilled", r.Unfilled, "wrong_days", len(r.WrongDays), "rebuilt", r.Rebuilt,
	}
	if r.Drifted > 0 || r.Unreadable > 0 || len(r.WrongDays) > 0 {
		l.logger.ErrorContext(ctx, "reprocess finished, drift found", attrs...)
		return
	}
	l.logger.InfoContext(ctx, "reprocess finished, no drift", attrs...)
}

func (l *Ledger) reprocess(ctx context.Context, ledger store.Auditor, b *store.Batch, r *Report) error {
	if b.EventsPurged {
		r.Purged++
		return l.noteUnfilled(ctx, ledger, b.ID, r)
	}
	x, err := l.examine(ctx, ledger, b.ID, l.opts.Sums.Dimensions)
	switch {
	case errors.Is(err, store.ErrEventsPurged): // meanwhile
		r.Purged++
		return l.noteUnfilled(ctx, ledger, b.ID, r)
	case errors.Is(err, store.ErrNotFound): // deleted meanwhile
		return nil
	case err != nil:
		return err
	}
	r.Batches++
	r.Events += x.want.Events()
	if !x.differs() {
		return nil
	}
	err = l.amend(ctx, ledger, b.ID, x, r)
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return nil
	}
	return err
}

// amend corrects the contribution of a batch. If events were erased meanwhile, it
// is outdated and corrected again.
func (l *Ledger) amend(ctx context.Context, ledger store.Auditor, id string, x *examined, r *Report) error {
	err := ledger.Amend(ctx, id, x.want)
	if errors.Is(err, store.ErrNotFound) { // the contribution is missing, or the batch was deleted meanwhile
		err = l.store.Record(ctx, id, x.want)
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: amend batch %s: %w", id, err)
	}
	if x.missing {
		r.Filled++
	}
	if x.drift != nil && x.erasing {
		l.logger.InfoContext(ctx, "erasure finished", "batch", id, "erasure", x.erasure)
	} else if x.drift != nil {
		r.Amended++
		r.add(x.drift)
	}
	return l.ReplaceEntry(ctx, ledger, id, x.want, x.erasure)
}

// noteUnfilled counts a batch whose events were purged, if it lacks the breakdown
// by dimensions.
func (l *Ledger) noteUnfilled(ctx context.Context, ledger store.Auditor, id string, r *Report) error {
	if len(l.opts.Sums.Dimensions) == 0 {
		return nil
	}
	c, _, err := contributionOf(ctx, ledger, id)
	if err == nil && c.Events() > 0 && !slices.Equal(c.Dimensions(), slices.Sorted(slices.Values(l.opts.Sums.Dimensions))) {
		r.Unfilled++
	}
	return err
}

func (r *Report) add(d *Drift) {
	r.Drifted++
	if len(r.Drifts) < maxDrifts {
		r.Drifts = append(r.Drifts, *d)
	}
}
