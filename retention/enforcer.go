// Package retention removes data: what is older than a [Policy] allows, and
// everything of one subject.
//
// [Enforcer.Apply] purges raw events and rejected rows, archives batches and
// discards dead letters because of their age; no number in the metrics changes.
// [Enforcer.Erase] erases the data of one subject, and subtracts it from the
// metrics if that is asked for.
package retention

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Policy says how long data is kept. A period of 0 or less means permanently.
// Ages count from Batch.Created, the time of the upload.
type Policy struct {
	// Events is for the raw events of completed batches.
	Events time.Duration
	// Rejected is for the rejected rows of every batch and their reasons.
	Rejected time.Duration
	// Batches is for completed batches as a whole: events, rejected rows and
	// description. Their counts stay in the metrics.
	Batches time.Duration
	// Dead is for dead letters; their age counts from DeadJob.Died.
	Dead time.Duration
}

// Any reports whether the policy limits anything.
func (p *Policy) Any() bool { return p.onBatches() || p.Dead > 0 }

func (p *Policy) onBatches() bool { return p.Events > 0 || p.Rejected > 0 || p.Batches > 0 }

// Options configure an [Enforcer]. Nil or zero fields mean the defaults.
type Options struct {
	// Policy is applied by Apply; by default everything is kept.
	Policy Policy
	// Sums says how events are summed; Sums.Subject is the column whose values
	// Erase erases. By default there is none, and Erase fails. It must be the
	// value that the uploads had.
	Sums metrics.AggregatorOptions
	// Unreachable are the names of schemas whose files need not have the column
	// of the subject. Receipts of erasures name them.
	Unreachable []string
	// DiscardDead discards the dead letters that match, or only counts them in
	// a dry run, and returns their number. The reason is for the queue. Nil
	// means that there are no dead letters.
	DiscardDead func(ctx context.Context, dryRun bool, reason string, match func(*queue.DeadJob) bool) (int64, error)

	// Logger gets changes of state; nil discards them. The name of a subject is
	// never logged.
	Logger *slog.Logger
	// TracerProvider gets a span for each Apply and Erase; nil means
	// OpenTelemetry's global one.
	TracerProvider trace.TracerProvider
	// MeterProvider gets counts of what was removed; nil means OpenTelemetry's
	// global one.
	MeterProvider metric.MeterProvider
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Enforcer removes data from a store. It is safe for concurrent use.
type Enforcer struct {
	store  store.Store
	ledger *ledger.Ledger
	opts   Options
	logger *slog.Logger
	tel    instruments
}

// New returns an Enforcer that borrows st and l, the Ledger of st. Nil options
// mean the defaults.
func New(st store.Store, l *ledger.Ledger, opts *Options) *Enforcer {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.DiscardDead == nil {
		o.DiscardDead = func(context.Context, bool, string, func(*queue.DeadJob) bool) (int64, error) { return 0, nil }
	}
	return &Enforcer{store: st, ledger: l, opts: o, logger: telemetry.Logger(o.Logger), tel: newInstruments(&o)}
}

func (e *Enforcer) now() time.Time { return e.opts.Now().UTC().Truncate(time.Millisecond) }
