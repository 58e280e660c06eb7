package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Recount sums the events of a batch again, together with the counts that
// erasures have kept, by the dimensions that SumsOf returns. It also returns the
// Batch.Erasure to which the sum belongs. It changes nothing. Errors:
// store.ErrNotFound, store.ErrEventsPurged, *SumError, *IncompleteError.
func (l *Ledger) Recount(ctx context.Context, id string) (metrics.Contribution, string, error) {
	sums, err := l.SumsOf(ctx, id)
	if err != nil {
		return nil, "", err
	}
	return l.recount(ctx, id, &sums)
}

// SumsOf returns how the events of a batch are summed: Options.Sums, but by the
// dimensions of what the ledger has of the batch, or of what the upload has
// summed. So a process that is started without dimensions, or with others, does
// not remove a breakdown. Errors: store.ErrNotFound.
func (l *Ledger) SumsOf(ctx context.Context, id string) (metrics.AggregatorOptions, error) {
	c, err := l.recorded(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		if c, err = l.store.Pending(ctx, id); errors.Is(err, metrics.ErrCorrupt) {
			c, err = nil, nil // the events are summed as if there were none
		}
	}
	if err != nil {
		return metrics.AggregatorOptions{}, fmt.Errorf("eventmetrics: read dimensions of batch %s: %w", id, err)
	}
	return l.sumsLike(c), nil
}

// recorded returns the contribution of a batch in the ledger. Errors:
// store.ErrNotFound if there is none, or the store is no [store.Auditor].
func (l *Ledger) recorded(ctx context.Context, id string) (metrics.Contribution, error) {
	auditor, ok := store.As[store.Auditor](l.store)
	if !ok {
		return nil, store.ErrNotFound
	}
	return auditor.Contribution(ctx, id)
}

// sumsLike returns Options.Sums with the dimensions of a contribution, if it has
// any.
func (l *Ledger) sumsLike(c metrics.Contribution) metrics.AggregatorOptions {
	sums := l.opts.Sums
	if dimensions := c.Dimensions(); len(dimensions) > 0 {
		sums.Dimensions = dimensions
	}
	return sums
}

// recount sums the events of a batch and the counts that erasures have kept.
func (l *Ledger) recount(ctx context.Context, id string, sums *metrics.AggregatorOptions) (metrics.Contribution, string, error) {
	for {
		b, err := l.store.Batch(ctx, id)
		if err != nil {
			return nil, "", fmt.Errorf("eventmetrics: read batch %s: %w", id, err)
		}
		sum, err := l.sumEvents(ctx, id, sums)
		var kept metrics.Contribution
		if err == nil {
			kept, err = l.Kept(ctx, id, b.Erasure)
		}
		now, errNow := l.store.Batch(ctx, id)
		if errors.Is(err, store.ErrChanged) || errNow == nil && now.Erasure != b.Erasure {
			if ctx.Err() != nil {
				return nil, "", ctx.Err()
			}
			continue // events were erased meanwhile
		}
		if err == nil {
			err = errNow
		}
		if err == nil {
			err = CheckComplete(&b, sum.Events())
		}
		if err != nil {
			return nil, "", err
		}
		return Merged(sum, kept.GroupedBy(sums.Dimensions)), b.Erasure, nil
	}
}

// sumEvents sums the stored events of a batch.
func (l *Ledger) sumEvents(ctx context.Context, id string, sums *metrics.AggregatorOptions) (metrics.Contribution, error) {
	sum := metrics.NewAggregator(sums)
	for e, err := range l.store.Events(ctx, id) {
		if err != nil {
			return nil, fmt.Errorf("eventmetrics: read events of batch %s: %w", id, err)
		}
		if err := sum.Add(&e); err != nil {
			return nil, &SumError{id, err}
		}
	}
	return sum.Contribution(), nil
}

// SumError means that the events of a batch cannot be summed within
// Options.Sums. Another attempt fails in the same way.
type SumError struct {
	BatchID string
	Err     error
}

// Error names the batch and the cause.
func (e *SumError) Error() string {
	return fmt.Sprintf("eventmetrics: sum batch %s: %v", e.BatchID, e.Err)
}

// Unwrap returns the cause.
func (e *SumError) Unwrap() error { return e.Err }

// IncompleteError means that a store returned another number of events than a
// batch has: the batch or its events are damaged. Nothing is computed from them.
type IncompleteError struct {
	BatchID string
	// Events is the number of events that the batch has, Read the number that the
	// store returned.
	Events, Read int64
}

// Error names the batch and both numbers.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("eventmetrics: batch %s is damaged: it has %d events, and %d were read", e.BatchID, e.Events, e.Read)
}

// CheckComplete compares the number of events that were read with that of their
// batch, as of the same Batch.Erasure. Errors: *IncompleteError.
func CheckComplete(b *store.Batch, read int64) error {
	if events := b.Events(); read != events {
		return &IncompleteError{b.ID, events, read}
	}
	return nil
}

// KeptAttachment returns the name of the attachment with the contribution of
// erased events that still count. It is in force while Batch.Erasure is this
// erasure, so the events of a batch and what counts beside them change in one
// step.
func KeptAttachment(erasure string) string { return "kept " + erasure }

// Kept returns the contribution of erased events of a batch that still count, as
// of an erasure, with all its groups. Errors: store.ErrNotFound,
// store.ErrChanged.
func (l *Ledger) Kept(ctx context.Context, id, erasure string) (metrics.Contribution, error) {
	if erasure == "" {
		return nil, nil
	}
	text, err := store.ReadAttachment(ctx, l.store, id, KeptAttachment(erasure))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	c, err := metrics.DecodeContribution(text, metrics.AllParts())
	if err != nil {
		return nil, fmt.Errorf("decode kept contribution of batch %s: %w", id, err)
	}
	return c, nil
}

// Merged returns the sum of two contributions, or one of them if the other is
// empty.
func Merged(a, b metrics.Contribution) metrics.Contribution {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	return metrics.Merge(a, b)
}
