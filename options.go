package eventmetrics

import (
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// Options configure a [Service]. Nil or zero fields mean the defaults.
type Options struct {
	// Schema names the columns of uploaded files; by default candidate_id,
	// test_id, event_type and timestamp.
	Schema ingest.Schema
	// Schemas are others, by the name that File.Schema chooses them by.
	Schemas map[string]ingest.Schema
	// Subject is the column whose distinct values are estimated; by default
	// candidate_id.
	Subject string
	// Limits bound a file.
	Limits ingest.Limits
	// Caps bound the event types and days of one file. Its Subject is ignored.
	Caps metrics.AggregatorOptions
	// MaxUploadBytes bounds the (decompressed) size of a file; 0 means 1 GiB.
	MaxUploadBytes int64
	// MaxErrors is the number of rejected rows that a Receipt lists; 0 means
	// 100. The repair file has the others too.
	MaxErrors int
	// MaxRepairBytes bounds the repair file of an upload; its last line says
	// when there were more rejected rows. 0 means 64 MiB.
	MaxRepairBytes int64
	// KeyTTL is how long an idempotency key is kept; 0 means 24 h.
	KeyTTL time.Duration

	// CleanupEvery is the time between cleanups; 0 means 1 h, less than 0
	// never.
	CleanupEvery time.Duration
	// CleanupTTL is the age from which a batch that nobody has asked to
	// process is removed; 0 means 24 h.
	CleanupTTL time.Duration
	// ReprocessEvery is the time between recounts of the ledger; 0 means 24 h
	// (at midnight UTC), less than 0 never.
	ReprocessEvery time.Duration
	// ReconcileEvery is the time between searches for batches that lost their
	// job; 0 means 1 min, less than 0 never.
	ReconcileEvery time.Duration

	// Logger gets changes of state; nil discards them. Lines of a request have
	// its request_id; see WithRequestID.
	Logger *slog.Logger
	// TracerProvider gets spans of uploads, attempts to process a batch,
	// queries, cleanups and reprocesses; nil means OpenTelemetry's global one.
	TracerProvider trace.TracerProvider
	// MeterProvider gets numbers and times of them; nil means the global one.
	MeterProvider metric.MeterProvider
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	setDefault(&d.Subject, "candidate_id")
	d.Schema, d.Limits = d.Schema.WithDefaults(), d.Limits.WithDefaults()
	d.MaxUploadBytes = max(d.MaxUploadBytes, 0)
	setDefault(&d.MaxUploadBytes, 1<<30)
	setDefault(&d.MaxRepairBytes, 64<<20)
	setDefault(&d.MaxErrors, 100)
	setDefault(&d.KeyTTL, 24*time.Hour)
	setDefault(&d.CleanupEvery, time.Hour)
	setDefault(&d.CleanupTTL, 24*time.Hour)
	setDefault(&d.ReprocessEvery, 24*time.Hour)
	setDefault(&d.ReconcileEvery, time.Minute)
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	d.Caps.Subject = d.Subject
	return d
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
