package eventmetrics

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// keptAttachment is the name of the contribution of events that were erased and
// still count, in force as long as Batch.Erasure is this one. So which events
// are there, and what counts beside them, changes in one step.
func keptAttachment(erasure string) string { return "kept " + erasure }

// events erases the subject's events from a batch and returns their number. It
// sums the batch before, since afterwards nobody could tell what the subject's
// part was, and puts the ledger right where an earlier erasure was cut off.
func (x *eraser) events(ctx context.Context, id string) (int64, error) {
	for {
		n, err := x.eventsOnce(ctx, id)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrChanged) || ctx.Err() != nil {
			return n, err
		}
	}
}

func (x *eraser) eventsOnce(ctx context.Context, id string) (int64, error) {
	b, err := x.s.store.Batch(ctx, id)
	if err != nil {
		return 0, err
	}
	rest, gone, err := x.sums(ctx, id)
	if err != nil {
		return 0, err
	}
	n := gone.Events()
	if x.r.DryRun || n == 0 && b.Erasure == "" {
		return n, nil
	}
	kept, err := x.s.kept(ctx, id, b.Erasure)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, x.s.settle(ctx, x.ledger, id, merged(rest, kept), b.Erasure)
	}
	counts := kept
	if x.r.Counts == KeepCounts {
		counts = merged(kept, gone)
	}
	if err := x.keep(ctx, id, counts); err != nil {
		return 0, err
	}
	n, err = x.store.Erase(ctx, id, store.Erasure{ID: x.r.ID, After: b.Erasure, Field: x.s.opts.Subject, Value: x.subject})
	if err != nil {
		return 0, err
	}
	if err := x.s.settle(ctx, x.ledger, id, merged(rest, counts), x.r.ID); err != nil {
		return n, err
	}
	return n, x.dropKept(ctx, id, b.Erasure, kept)
}

// sums adds up the events of a batch that stay, and those that go.
func (x *eraser) sums(ctx context.Context, id string) (rest, gone metrics.Contribution, _ error) {
	stay, leave := metrics.NewAggregator(&x.s.opts.Caps), metrics.NewAggregator(&x.s.opts.Caps)
	for e, err := range x.s.store.Events(ctx, id) {
		if err != nil {
			return nil, nil, fmt.Errorf("read events of batch %s: %w", id, err)
		}
		sum := stay
		if e.Field(x.s.opts.Subject) == x.subject {
			sum = leave
		}
		if err := sum.Add(&e); err != nil {
			return nil, nil, fmt.Errorf("sum batch %s: %w", id, err)
		}
	}
	return stay.Contribution(), leave.Contribution(), nil
}

// keep stores what is to count beside the events, for when they are erased.
func (x *eraser) keep(ctx context.Context, id string, kept metrics.Contribution) error {
	if len(kept) == 0 {
		return nil
	}
	text, err := kept.AppendBinary(nil)
	if err != nil {
		return fmt.Errorf("encode contribution: %w", err)
	}
	return x.attach.Reattach(ctx, id, keptAttachment(x.r.ID), one(text))
}

func (x *eraser) dropKept(ctx context.Context, id, erasure string, kept metrics.Contribution) error {
	if len(kept) == 0 || erasure == x.r.ID {
		return nil
	}
	return x.attach.Reattach(ctx, id, keptAttachment(erasure), nothing)
}

func one(chunk []byte) func(func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) { yield(chunk, nil) }
}

// merged is a sum that is made only if there is something to add.
func merged(a, b metrics.Contribution) metrics.Contribution {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	return metrics.Merge(a, b)
}

// kept reads what counts beside the events of a batch since an erasure.
func (s *Service) kept(ctx context.Context, id, erasure string) (metrics.Contribution, error) {
	if erasure == "" {
		return nil, nil
	}
	text, err := readAll(s.store.Attachment(ctx, id, keptAttachment(erasure)))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	c, err := metrics.DecodeContribution(text, withAll)
	if err != nil {
		return nil, fmt.Errorf("decode kept contribution of batch %s: %w", id, err)
	}
	return c, nil
}

// settle makes the ledger have the sum of a batch as of an erasure, if the batch
// is recorded. Where another erasure has come in between, it counts again, so
// that the last one is in the ledger.
func (s *Service) settle(ctx context.Context, ledger store.Amender, id string, sum metrics.Contribution, erasure string) error {
	for {
		found, err := s.compare(ctx, ledger, id, sum)
		if err == nil && (found.drift != nil || found.missing) {
			err = ignore(ledger.Amend(ctx, id, sum), store.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("eventmetrics: amend batch %s: %w", id, err)
		}
		b, err := s.store.Batch(ctx, id)
		if err != nil || b.Erasure == erasure {
			return err
		}
		sum, erasure, err = s.recountOf(ctx, id)
		if err != nil {
			return ignore(err, store.ErrPurged) // sealed after it was compared with the ledger
		}
	}
}
