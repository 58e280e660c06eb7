// Package upload stores files of events as batches.
//
// An [Uploader] reads a file, checks each row, sums the events in the same pass
// and stores them in a [store.Store]. The batch becomes visible in one step, or
// not at all. It does not count yet: that is the work of a queue and a worker,
// which package eventmetrics adds, or of a program that calls
// [store.Store].Record itself.
package upload

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Options configure an [Uploader]. Nil or zero fields mean the defaults.
type Options struct {
	// Schema names the columns of files; by default candidate_id, test_id,
	// event_type and timestamp.
	Schema ingest.Schema
	// Schemas are further schemas by name; File.Schema selects one. By default
	// there are none.
	Schemas map[string]ingest.Schema
	// Limits bound rows, columns and values; see ingest.Limits for defaults.
	Limits ingest.Limits
	// Sums says what is summed beside the counts, the subject and the
	// dimensions, and bounds the sum; by default counts only, within the
	// default bounds. All packages that work on one store need the same value.
	Sums metrics.AggregatorOptions
	// MaxUploadBytes bounds the decompressed size of a file; 0 means 1 GiB.
	MaxUploadBytes int64
	// MaxErrors is the number of rejected rows that a Receipt lists; 0 means
	// 100. The repair file has the others too.
	MaxErrors int
	// MaxRepairBytes bounds the repair file of an upload; 0 means 64 MiB. The
	// last line of a repair file says when rows are missing.
	MaxRepairBytes int64
	// MaxDedupeRows bounds the distinct rows of a file with DedupeOccurrence that
	// are known or repeat, and in a dry run all distinct rows; 0 means 4 million,
	// which need 100 MB during the upload, and nearly twice that for a moment.
	MaxDedupeRows int
	// Memory bounds the memory of all uploads together; nil means 256 MiB.
	// Uploaders may share it.
	Memory *budget.Budget
	// KeyTTL is how long an idempotency key is kept; 0 means 24 h.
	KeyTTL time.Duration
	// BeforeAccept is asked about each valid row, in the order of the file. An
	// error rejects the row with the code rejected; its message is the reason.
	// It must not change the event, which is valid during the call; its strings
	// stay valid. One upload calls it on one goroutine, several uploads call it
	// concurrently. A panic ends the upload. Nil accepts all rows.
	BeforeAccept func(ctx context.Context, e *metrics.Event) error

	// Logger gets changes of state; nil discards them.
	Logger *slog.Logger
	// TracerProvider gets a span for each upload; nil means OpenTelemetry's
	// global one.
	TracerProvider trace.TracerProvider
	// MeterProvider gets counts and times of uploads; nil means OpenTelemetry's
	// global one.
	MeterProvider metric.MeterProvider
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// WithDefaults returns o with the defaults in place of zero fields, but for the
// providers of OpenTelemetry. Without Memory the result has a budget of its own.
func (o Options) WithDefaults() Options {
	o.Schema, o.Limits = o.Schema.WithDefaults(), o.Limits.WithDefaults()
	o.MaxUploadBytes = cmp.Or(max(o.MaxUploadBytes, 0), 1<<30)
	o.MaxErrors = cmp.Or(o.MaxErrors, 100)
	o.MaxRepairBytes = cmp.Or(o.MaxRepairBytes, 64<<20)
	o.MaxDedupeRows = cmp.Or(max(o.MaxDedupeRows, 0), 4_000_000)
	o.KeyTTL = cmp.Or(o.KeyTTL, 24*time.Hour)
	if o.Memory == nil {
		o.Memory = budget.New(0, 0)
	}
	o.Logger = telemetry.Logger(o.Logger)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Uploader reads files and stores their rows as batches. Its only state are the
// idempotency keys of uploads under way. It is safe for concurrent use.
type Uploader struct {
	store  store.Store
	opts   Options
	logger *slog.Logger
	tel    instruments

	mu     sync.Mutex
	locked map[string]struct{} // idempotency keys
}

// New returns an Uploader that borrows st. Nil options mean the defaults.
func New(st store.Store, opts *Options) *Uploader {
	var o Options
	if opts != nil {
		o = *opts
	}
	o = o.WithDefaults()
	return &Uploader{store: st, opts: o, logger: o.Logger, tel: newInstruments(&o), locked: map[string]struct{}{}}
}

func (u *Uploader) now() time.Time { return u.opts.Now().UTC().Truncate(time.Millisecond) }

// Schema returns the schema of a name, with defaults; "" names Options.Schema.
// Errors: *UnknownSchemaError.
func (u *Uploader) Schema(name string) (ingest.Schema, error) {
	if name == "" {
		return u.opts.Schema, nil
	}
	if schema, ok := u.opts.Schemas[name]; ok {
		return schema.WithDefaults(), nil
	}
	return ingest.Schema{}, &UnknownSchemaError{name, u.SchemaNames()}
}

// SchemaNames returns the names of Options.Schemas, sorted.
func (u *Uploader) SchemaNames() []string { return slices.Sorted(maps.Keys(u.opts.Schemas)) }
