package eventmetrics

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
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
	// Dimensions are up to three columns by whose values metrics can be grouped
	// and filtered; by default none. Rows of a file that lacks one have "" there.
	// What was recorded before a column was a dimension is broken down by the
	// next reprocess, but for sealed batches. All Services of a store should
	// have the same ones. None may be the Subject, the event id, the event type or the
	// time of Schema, or date, event_type, count, uniques, previous_count,
	// previous_uniques, finality or as_of, which answers have for other things.
	Dimensions []string
	// Limits bound a file.
	Limits ingest.Limits
	// Caps bound the event types, days and groups of one file. Its Subject and
	// Dimensions are ignored.
	Caps metrics.AggregatorOptions
	// MaxUploadBytes bounds the (decompressed) size of a file; 0 means 1 GiB.
	MaxUploadBytes int64
	// MaxErrors is the number of rejected rows that a Receipt lists; 0 means
	// 100. The repair file has the others too.
	MaxErrors int
	// MaxRepairBytes bounds the repair file of an upload; its last line says
	// when there were more rejected rows. 0 means 64 MiB.
	MaxRepairBytes int64
	// MaxDedupeRows bounds the distinct rows of a file with DedupeOccurrence;
	// 0 means 4 million. So many need 100 MB during the upload, and for a
	// moment nearly twice that.
	MaxDedupeRows int
	// KeyTTL is how long an idempotency key is kept; 0 means 24 h.
	KeyTTL time.Duration

	// CleanupEvery is the time between cleanups; 0 means 1 h, less than 0
	// never.
	CleanupEvery time.Duration
	// CleanupTTL is the age from which a batch that nobody has asked to
	// process is removed; 0 means 24 h.
	CleanupTTL time.Duration
	// Retention says how long data is kept; the zero value keeps all.
	Retention Retention
	// RetainEvery is the time between searches for what is older than that; 0
	// means 1 h, less than 0 never.
	RetainEvery time.Duration
	// ReprocessEvery is the time between recounts of the ledger; 0 means 24 h
	// (at midnight UTC), less than 0 never.
	ReprocessEvery time.Duration
	// ReconcileEvery is the time between searches for batches that lost their
	// job; 0 means 1 min, less than 0 never.
	ReconcileEvery time.Duration

	// AuditEvery is the time between rounds of the audit, which every process
	// that calls Run makes by itself: see Service.Audit. 0 means 10 min, less
	// than 0 never.
	AuditEvery time.Duration

	// BeforeAccept is asked about each row that is valid otherwise, in the
	// order of the file; its error rejects the row with the code rejected, and
	// is its message. It must not change the event, which is valid during the
	// call, its strings for ever. It is called on one goroutine for an upload,
	// and on several for several; a panic ends the upload. Nil accepts all, and
	// costs nothing.
	BeforeAccept func(ctx context.Context, e *metrics.Event) error
	// AfterCompleted is called by the worker when a batch was completed, at
	// least once, and before the job is done: a call that the death of the
	// process or the end of ctx has cut off is made again, with that job. If
	// that was the job's last attempt, the job is a dead letter, and retrying
	// it makes the call. A batch that is deleted meanwhile is left out. ctx ends
	// after a minute, or with the job; the batch is completed whatever
	// happens, and a panic is logged and not repeated. The call holds its
	// worker up: what takes long belongs elsewhere.
	AfterCompleted func(ctx context.Context, b store.Batch)

	// Logger gets changes of state; nil discards them. Lines of a request have
	// its request_id; see WithRequestID.
	Logger *slog.Logger
	// TracerProvider gets spans of uploads, attempts to process a batch,
	// queries, cleanups, retentions, erasures and reprocesses; nil means OpenTelemetry's global one.
	TracerProvider trace.TracerProvider
	// MeterProvider gets numbers and times of them; nil means the global one.
	MeterProvider metric.MeterProvider
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// defaultSubject is the default of Options.Subject.
const defaultSubject = "candidate_id"

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	setDefault(&d.Subject, defaultSubject)
	d.Schema, d.Limits = d.Schema.WithDefaults(), d.Limits.WithDefaults()
	d.MaxUploadBytes = max(d.MaxUploadBytes, 0)
	setDefault(&d.MaxUploadBytes, 1<<30)
	setDefault(&d.MaxRepairBytes, 64<<20)
	setDefault(&d.MaxErrors, 100)
	d.MaxDedupeRows = max(d.MaxDedupeRows, 0)
	setDefault(&d.MaxDedupeRows, 4_000_000)
	setDefault(&d.KeyTTL, 24*time.Hour)
	setDefault(&d.CleanupEvery, time.Hour)
	setDefault(&d.CleanupTTL, 24*time.Hour)
	setDefault(&d.RetainEvery, time.Hour)
	setDefault(&d.ReprocessEvery, 24*time.Hour)
	setDefault(&d.ReconcileEvery, time.Minute)
	setDefault(&d.AuditEvery, 10*time.Minute)
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	d.Caps.Subject, d.Caps.Dimensions = d.Subject, d.Dimensions
	return d
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
