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
	// bounds; by default counts only, within the default bounds. But for the
	// dimensions it must be the value that the uploads had. A batch that the
	// ledger has broken down by other dimensions stays so, until a reprocess with
	// dimensions breaks it down by them.
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

	counting chan struct{} // has an element while BatchCounts reads
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
	return &Ledger{store: st, opts: o, logger: telemetry.Logger(o.Logger), tel: newInstruments(&o), audit: newAudit(), counting: make(chan struct{}, 1)}
}

func (l *Ledger) now() time.Time { return l.opts.Now().UTC().Truncate(time.Millisecond) }
