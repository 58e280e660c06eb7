// Package ledger compares what counts with the events that it came from.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Options are what a Ledger needs to know.
type Options struct {
	Caps       metrics.AggregatorOptions
	Dimensions []string
	Logger     *slog.Logger
	Telemetry  *telemetry.Telemetry
	Now        func() time.Time
}

// Ledger compares the entries of a ledger with the events that they came from,
// and puts them right. It is safe for concurrent use.
type Ledger struct {
	store  store.Store
	opts   Options
	logger *slog.Logger
	tel    *telemetry.Telemetry
	audit  *audit
}

// New returns the Ledger of st.
func New(st store.Store, o Options) *Ledger {
	return &Ledger{store: st, opts: o, logger: o.Logger, tel: o.Telemetry, audit: newAudit()}
}

func (l *Ledger) now() time.Time { return l.opts.Now().UTC().Truncate(time.Millisecond) }

// recount returns what a batch counts for: the sum of its events, and of those
// that were erased and still count.
func (l *Ledger) recount(ctx context.Context, id string) (metrics.Contribution, error) {
	sum, _, err := l.Recount(ctx, id)
	return sum, err
}

// Recount also returns the Batch.Erasure of which the sum is.
func (l *Ledger) Recount(ctx context.Context, id string) (metrics.Contribution, string, error) {
	for {
		b, err := l.store.Batch(ctx, id)
		if err != nil {
			return nil, "", fmt.Errorf("eventmetrics: read batch %s: %w", id, err)
		}
		sum, err := l.sumEvents(ctx, id)
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
		return Merged(sum, kept), b.Erasure, err
	}
}

// sumEvents sums the stored events of a batch.
func (l *Ledger) sumEvents(ctx context.Context, id string) (metrics.Contribution, error) {
	sum := metrics.NewAggregator(&l.opts.Caps)
	for e, err := range l.store.Events(ctx, id) {
		if err != nil {
			return nil, fmt.Errorf("eventmetrics: read events of batch %s: %w", id, err)
		}
		if err := sum.Add(&e); err != nil {
			return nil, queue.Permanent(fmt.Errorf("eventmetrics: sum batch %s: %w", id, err))
		}
	}
	return sum.Contribution(), nil
}

// keptAttachment is the name of the contribution of events that were erased and
// still count, in force as long as Batch.Erasure is this one. So which events
// are there, and what counts beside them, changes in one step.
func KeptAttachment(erasure string) string { return "kept " + erasure }

// merged is a sum that is made only if there is something to add.
func Merged(a, b metrics.Contribution) metrics.Contribution {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	return metrics.Merge(a, b)
}

// kept reads what counts beside the events of a batch since an erasure.
func (l *Ledger) Kept(ctx context.Context, id, erasure string) (metrics.Contribution, error) {
	if erasure == "" {
		return nil, nil
	}
	text, err := store.ReadAttachment(ctx, l.store, id, KeptAttachment(erasure))
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
func (l *Ledger) ReplaceEntry(ctx context.Context, ledger store.Auditor, id string, sum metrics.Contribution, erasure string) error {
	for {
		found, err := l.compare(ctx, ledger, id, sum)
		if err == nil && (found.drift != nil || found.missing) {
			err = ignore(ledger.Amend(ctx, id, sum), store.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("eventmetrics: amend batch %s: %w", id, err)
		}
		b, err := l.store.Batch(ctx, id)
		if err != nil || b.Erasure == erasure {
			return err
		}
		sum, erasure, err = l.Recount(ctx, id)
		if err != nil {
			return ignore(err, store.ErrEventsPurged) // sealed after it was compared with the ledger
		}
	}
}

// lacksDimensions reports whether a contribution has not the breakdown that
// the sum of its events has.
func lacksDimensions(ledger, events metrics.Contribution) bool {
	want, there := events.Groups(), ledger.Groups()
	return len(want) > 0 && (len(there) == 0 || !want[0].Group.SameDimensions(there[0].Group))
}

// drift compares the events of a batch with the ledger.
func (l *Ledger) DriftOf(ctx context.Context, ledger store.Auditor, b *store.Batch) (*Drift, error) {
	want, err := l.recount(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	found, err := l.compare(ctx, ledger, b.ID, want)
	return found.drift, err
}

// ignore returns err unless it is one of those.
func ignore(err error, those ...error) error {
	for _, target := range those {
		if errors.Is(err, target) {
			return nil
		}
	}
	return err
}
