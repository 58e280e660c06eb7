// Package ledger compares the ledger of a store with the raw events, and
// corrects it.
//
// The ledger is the set of contributions of all completed batches; metrics are
// its sum. A [Ledger] sums raw events again (recounts them), finds batches whose
// contribution differs (drift) and days whose sum differs from the ledger.
// [Ledger.Reprocess] looks at everything and corrects it. [Ledger.Audit] looks
// at a part each time and changes nothing.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Options configure a [Ledger]. Nil or zero fields mean the defaults.
type Options struct {
	// Sums says how events are summed: the subject, the dimensions and the
	// bounds; by default counts only, within the default bounds. It must be the
	// value that the uploads had.
	Sums metrics.AggregatorOptions

	// Logger gets changes of state; nil discards them.
	Logger *slog.Logger
	// TracerProvider gets a span for each reprocess and audit round; nil means OpenTelemetry's
	// global one.
	TracerProvider trace.TracerProvider
	// MeterProvider gets counts of them; nil means OpenTelemetry's global one.
	MeterProvider metric.MeterProvider
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Ledger compares the contributions of batches with their events. Its only state
// are the findings of audits. It is safe for concurrent use.
type Ledger struct {
	store  store.Store
	opts   Options
	logger *slog.Logger
	tel    instruments
	audit  *audit
}

// New returns a Ledger that borrows st. Nil options mean the defaults.
func New(st store.Store, opts *Options) *Ledger {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Ledger{store: st, opts: o, logger: telemetry.Logger(o.Logger), tel: newInstruments(&o), audit: newAudit()}
}

func (l *Ledger) now() time.Time { return l.opts.Now().UTC().Truncate(time.Millisecond) }

// Recount sums the events of a batch again, together with the counts that
// erasures have kept. It also returns the Batch.Erasure to which the sum
// belongs. It changes nothing. Errors: store.ErrNotFound, store.ErrEventsPurged,
// *SumError.
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

// sumEvents sums the stored events of a batch.
func (l *Ledger) sumEvents(ctx context.Context, id string) (metrics.Contribution, error) {
	sum := metrics.NewAggregator(&l.opts.Sums)
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

// KeptAttachment returns the name of the attachment with the contribution of
// erased events that still count. It is in force while Batch.Erasure is this
// erasure, so the events of a batch and what counts beside them change in one
// step.
func KeptAttachment(erasure string) string { return "kept " + erasure }

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

// Kept returns the contribution of erased events of a batch that still count, as
// of an erasure. Errors: store.ErrNotFound, store.ErrChanged.
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

// ReplaceEntry replaces the contribution of a batch by its sum as of an erasure.
// If another erasure happens meanwhile, it recounts, so that the ledger has the
// last one. It does nothing for a batch without a contribution. It is safe to
// repeat. Errors: store.ErrNotFound.
func (l *Ledger) ReplaceEntry(ctx context.Context, ledger store.Auditor, id string, sum metrics.Contribution, erasure string) error {
	for {
		found, err := l.compare(ctx, ledger, id, sum)
		if err == nil && (found.drift != nil || found.missing) {
			err = ledger.Amend(ctx, id, sum)
		}
		if errors.Is(err, store.ErrNotFound) {
			err = nil // it has no contribution, or was deleted
		}
		if err != nil {
			return fmt.Errorf("eventmetrics: amend batch %s: %w", id, err)
		}
		b, err := l.store.Batch(ctx, id)
		if err != nil || b.Erasure == erasure {
			return err
		}
		sum, erasure, err = l.Recount(ctx, id)
		if errors.Is(err, store.ErrEventsPurged) { // after it was compared with the ledger
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lacksDimensions reports whether the contribution in the ledger lacks the
// dimensions of the sum of its events.
func lacksDimensions(ledger, events metrics.Contribution) bool {
	want, there := events.Groups(), ledger.Groups()
	return len(want) > 0 && (len(there) == 0 || !want[0].Group.SameDimensions(there[0].Group))
}

// DriftOf compares the contribution of a batch with its events; nil means that
// they agree. Errors: those of Recount.
func (l *Ledger) DriftOf(ctx context.Context, ledger store.Auditor, b *store.Batch) (*Drift, error) {
	want, _, err := l.Recount(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	found, err := l.compare(ctx, ledger, b.ID, want)
	return found.drift, err
}
