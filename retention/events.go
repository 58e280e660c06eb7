package retention

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// events erases the subject's events from a batch and returns their number. It
// sums the batch before, because the part of the subject is unknown afterwards,
// and finishes an earlier erasure of the batch that was interrupted.
func (x *eraser) events(ctx context.Context, id string) (int64, error) {
	for left := x.r.Left; ; x.r.Left = left { // what is read again is counted once
		n, err := x.eventsOnce(ctx, id)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrChanged) || ctx.Err() != nil {
			return n, err
		}
	}
}

func (x *eraser) eventsOnce(ctx context.Context, id string) (int64, error) {
	b, err := x.enforcer.store.Batch(ctx, id)
	if err != nil {
		return 0, err
	}
	sums, err := x.enforcer.ledger.SumsOf(ctx, id)
	if err != nil {
		return 0, err
	}
	rest, gone, err := x.sums(ctx, &b, &sums)
	if err != nil {
		return 0, err
	}
	n := gone.Events()
	if x.r.DryRun || n == 0 && b.Erasure == "" {
		return n, nil
	}
	kept, err := x.enforcer.ledger.Kept(ctx, id, b.Erasure)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, x.enforcer.ledger.ReplaceEntry(ctx, x.auditor, id, ledger.Merged(rest, kept.GroupedBy(sums.Dimensions)), b.Erasure)
	}
	counts := kept
	if x.r.Counts == KeepCounts {
		counts = ledger.Merged(kept, gone)
	}
	if err := x.keep(ctx, id, counts); err != nil {
		return 0, err
	}
	n, err = x.store.Erase(ctx, id, store.Erasure{ID: x.r.ID, After: b.Erasure, Field: x.enforcer.opts.Sums.Subject, Value: x.subject})
	if err != nil {
		return 0, err
	}
	if err := x.enforcer.ledger.ReplaceEntry(ctx, x.auditor, id, ledger.Merged(rest, counts.GroupedBy(sums.Dimensions)), x.r.ID); err != nil {
		return n, err
	}
	return n, x.dropKept(ctx, id, b.Erasure, kept)
}

// sums returns the sum of the events of a batch that stay, and of those that are
// erased. Errors: store.ErrChanged, *ledger.IncompleteError.
func (x *eraser) sums(ctx context.Context, b *store.Batch, by *metrics.AggregatorOptions) (rest, gone metrics.Contribution, _ error) {
	id := b.ID
	watch := nameWatch{x: x}
	stay, leave := metrics.NewAggregator(by), metrics.NewAggregator(by)
	read := int64(0)
	for e, err := range x.enforcer.store.Events(ctx, id) {
		if err != nil {
			return nil, nil, fmt.Errorf("read events of batch %s: %w", id, err)
		}
		read++
		sum := stay
		switch e.Field(x.enforcer.opts.Sums.Subject) {
		case x.subject:
			sum = leave
		case "":
			x.r.Unreached = x.r.Unreached || len(x.r.Unreachable) > 0
			watch.note(&e)
		default:
			watch.note(&e)
		}
		if err := sum.Add(&e); err != nil {
			return nil, nil, fmt.Errorf("sum batch %s: %w", id, err)
		}
	}
	err := ledger.CheckComplete(b, read)
	if err == nil {
		return stay.Contribution(), leave.Contribution(), nil
	}
	now, errNow := x.enforcer.store.Batch(ctx, id)
	if errNow == nil && now.Erasure != b.Erasure {
		return nil, nil, store.ErrChanged
	}
	return nil, nil, errors.Join(err, errNow)
}

// keep stores the contribution that counts beside the events once they are
// erased, and a note that the ledger is about to be corrected, which ReplaceEntry
// removes.
func (x *eraser) keep(ctx context.Context, id string, kept metrics.Contribution) error {
	if err := x.store.ReplaceAttachment(ctx, id, ledger.ErasingAttachment(x.r.ID), one([]byte(x.r.ID))); err != nil {
		return err
	}
	if len(kept) == 0 {
		return nil
	}
	text, err := kept.AppendBinary(nil)
	if err != nil {
		return fmt.Errorf("encode contribution: %w", err)
	}
	return x.store.ReplaceAttachment(ctx, id, ledger.KeptAttachment(x.r.ID), one(text))
}

// dropKept removes the kept contribution of an earlier erasure.
func (x *eraser) dropKept(ctx context.Context, id, erasure string, kept metrics.Contribution) error {
	if len(kept) == 0 || erasure == x.r.ID {
		return nil
	}
	return x.store.ReplaceAttachment(ctx, id, ledger.KeptAttachment(erasure), nothing)
}

// one yields one chunk.
func one(chunk []byte) func(func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) { yield(chunk, nil) }
}
