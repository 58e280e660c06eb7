package eventmetrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// Options configure a [Service]. Nil or zero fields mean the defaults.
type Options struct {
	// Schema names the columns of uploaded files; by default candidate_id,
	// test_id, event_type and timestamp.
	Schema ingest.Schema
	// Schemas are further schemas by name; File.Schema selects one.
	Schemas map[string]ingest.Schema
	// Subject is the column whose distinct values are estimated and erased; by
	// default candidate_id. It must be set if Schema does not require that
	// column: NoSubject says that there is none. A schema need not require it: events without it count, but
	// a query for distinct subjects is refused where no event of a day and type
	// has one, and an erasure names the schemas that do not require it. However
	// it is spelled, here and in Dimensions, its name is its ingest.ColumnName.
	Subject string
	// Dimensions are up to three columns by whose values metrics can be grouped
	// and filtered; by default none. A row has "" in a column that its file
	// lacks. When a dimension is added, the next reprocess breaks down what was
	// recorded before, except for batches whose events were purged. All
	// Services of a store should have the same dimensions.
	//
	// A dimension must not be the Subject, nor the event id, the event type or
	// the time of Schema, nor date, event_type, count, uniques, previous_count,
	// previous_uniques, finality or as_of, which are members of answers.
	Dimensions []string
	// Limits bound the rows, columns and values of a file.
	Limits ingest.Limits
	// Caps bound the event types, days and groups of one file. Caps.Subject and
	// Caps.Dimensions are ignored: they are Subject and Dimensions.
	Caps metrics.AggregatorOptions
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
	// UploadMemory bounds the memory of all uploads together, and of the batches
	// being processed, in bytes; 0 means 256 MiB. An upload takes 8 MiB to begin
	// with, and one with many days, types, groups or distinct rows up to 200 MiB.
	// At least LeastUploadMemory.
	UploadMemory int64
	// QueryMemory bounds the memory of all queries together, in bytes; 0 means
	// 256 MiB. A query takes 16 MiB to begin with. At least LeastQueryMemory.
	QueryMemory int64
	// KeyTTL is how long an idempotency key is kept; 0 means 24 h.
	KeyTTL time.Duration

	// CleanupEvery is the time between cleanups; 0 means 1 h, less than 0
	// never.
	CleanupEvery time.Duration
	// CleanupTTL is the age from which cleanup prunes a batch that was never
	// queued, and an unfinished upload; 0 means 24 h.
	CleanupTTL time.Duration
	// Retention says how long data is kept; the zero value keeps everything.
	Retention Retention
	// RetainEvery is the time between applications of Retention; 0 means 1 h,
	// less than 0 never.
	RetainEvery time.Duration
	// ReprocessEvery is the time between recounts of the ledger; 0 means 24 h
	// (at midnight UTC), less than 0 never.
	ReprocessEvery time.Duration
	// ReconcileEvery is the time between searches for batches that lost their
	// job; 0 means 1 min, less than 0 never.
	ReconcileEvery time.Duration
	// AuditEvery is the time between rounds of the audit in each process that
	// calls Run; 0 means 10 min, less than 0 never. See Service.Audit.
	AuditEvery time.Duration

	// BeforeAccept is asked about each valid row, in the order of the file. An
	// error rejects the row with the code rejected; its message is the reason.
	// It must not change the event, which is valid during the call; its strings
	// stay valid. One upload calls it on one goroutine, several uploads call it
	// concurrently. A panic ends the upload. Nil accepts all rows.
	BeforeAccept func(ctx context.Context, e *metrics.Event) error
	// AfterCompleted is called by the worker at least once for each completed
	// batch, before its job is done. If the process is lost or ctx ends during
	// the call, the job is delivered again and makes another call. If that was
	// the job's last attempt, the job is a dead letter, and retrying it makes
	// the call. There is no call for a batch that was deleted meanwhile.
	//
	// ctx ends after a minute, or with the job. The batch is completed whatever
	// happens; a panic is logged and not repeated. The call occupies its worker,
	// so long work belongs elsewhere. Nil means no calls.
	AfterCompleted func(ctx context.Context, b store.Batch)

	// Logger gets changes of state; nil discards them. Lines of a request have
	// its request_id, and the name of its token; see WithRequestID and WithCaller.
	Logger *slog.Logger
	// TracerProvider gets spans of uploads, attempts to process a batch,
	// queries and scheduled work; nil means OpenTelemetry's global one.
	TracerProvider trace.TracerProvider
	// MeterProvider gets counts and times of them; nil means OpenTelemetry's
	// global one.
	MeterProvider metric.MeterProvider
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// NoSubject as Options.Subject says that events are about no subject. Then
// nothing can be erased by subject, and no distinct subjects are known.
const NoSubject = "-"

// defaultSubject is the default of Options.Subject.
const defaultSubject = "candidate_id"

// withDefaults returns o with the defaults in place of zero fields. The fields
// of uploads have those of [upload.Options].
func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	d.Subject = ingest.ColumnName(cmp.Or(d.Subject, defaultSubject))
	d.Dimensions = ingest.ColumnNames(d.Dimensions)
	d.Caps.Subject, d.Caps.Dimensions = d.Subject, d.Dimensions
	if d.Subject == NoSubject {
		d.Caps.Subject = ""
	}
	u := d.uploadOptions().WithDefaults()
	d.Schema, d.Limits, d.MaxUploadBytes, d.MaxErrors = u.Schema, u.Limits, u.MaxUploadBytes, u.MaxErrors
	d.MaxRepairBytes, d.MaxDedupeRows, d.KeyTTL, d.Logger, d.Now = u.MaxRepairBytes, u.MaxDedupeRows, u.KeyTTL, u.Logger, u.Now
	d.UploadMemory = cmp.Or(max(d.UploadMemory, 0), budget.DefaultSize)
	d.QueryMemory = cmp.Or(max(d.QueryMemory, 0), budget.DefaultSize)
	d.CleanupEvery = cmp.Or(d.CleanupEvery, time.Hour)
	d.CleanupTTL = cmp.Or(d.CleanupTTL, 24*time.Hour)
	d.RetainEvery = cmp.Or(d.RetainEvery, time.Hour)
	d.ReprocessEvery = cmp.Or(d.ReprocessEvery, 24*time.Hour)
	d.ReconcileEvery = cmp.Or(d.ReconcileEvery, time.Minute)
	d.AuditEvery = cmp.Or(d.AuditEvery, 10*time.Minute)
	return d
}

func (o *Options) uploadOptions() *upload.Options {
	return &upload.Options{
		Schema: o.Schema, Schemas: o.Schemas, Limits: o.Limits, Sums: o.Caps, MaxUploadBytes: o.MaxUploadBytes,
		MaxErrors: o.MaxErrors, MaxRepairBytes: o.MaxRepairBytes, MaxDedupeRows: o.MaxDedupeRows, KeyTTL: o.KeyTTL,
		BeforeAccept: o.BeforeAccept, Logger: o.Logger, TracerProvider: o.TracerProvider, MeterProvider: o.MeterProvider, Now: o.Now,
	}
}

// Validate returns nil if a Service can work with the options, which may be nil;
// otherwise it joins all errors. A Service and httpapi.New refuse invalid options.
// Errors: *ingest.RuleError for an invalid rule of a schema.
func (o *Options) Validate() error {
	if o == nil {
		return nil
	}
	errs := []error{
		validateSchema("Schema", o.Schema), o.validateSubject(), o.validateDimensions(), o.validateNumbers(),
		validateMemory("UploadMemory", o.UploadMemory, LeastUploadMemory), validateMemory("QueryMemory", o.QueryMemory, LeastQueryMemory),
	}
	if _, unnamed := o.Schemas[""]; unnamed {
		errs = append(errs, errors.New("eventmetrics: Options.Schemas: a schema has no name"))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Schemas)) {
		errs = append(errs, validateSchema(fmt.Sprintf("Schemas[%q]", name), o.Schemas[name]))
	}
	return errors.Join(errs...)
}

func validateSchema(field string, schema ingest.Schema) error {
	if err := schema.Validate(); err != nil {
		return fmt.Errorf("eventmetrics: Options.%s: %w", field, err)
	}
	return nil
}

// validateSubject refuses the default subject where the files need not have it:
// an erasure would find nothing and report success.
func (o *Options) validateSubject() error {
	if o.Subject == "" && lacks(o.Schema, defaultSubject) {
		return fmt.Errorf("eventmetrics: Options.Subject: Options.Schema does not require %s; set the column of the subject, or NoSubject", defaultSubject)
	}
	return nil
}

// validateNumbers refuses what would mean none at all, such as a cleanup of
// every batch at once. 0 means the default everywhere.
func (o *Options) validateNumbers() error {
	var errs []error
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"MaxUploadBytes", o.MaxUploadBytes},
		{"MaxErrors", int64(o.MaxErrors)},
		{"MaxRepairBytes", o.MaxRepairBytes},
		{"MaxDedupeRows", int64(o.MaxDedupeRows)},
		{"KeyTTL", int64(o.KeyTTL)},
		{"CleanupTTL", int64(o.CleanupTTL)},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("eventmetrics: Options.%s is less than 0", n.name))
		}
	}
	return errors.Join(errs...)
}

// validateDimensions checks the names of Dimensions. The subject has too many
// values, and an erasure could not remove them from the metrics. Others would
// be ambiguous in answers.
func (o *Options) validateDimensions() error {
	schema := o.Schema.WithDefaults()
	if len(o.Dimensions) > metrics.MaxDimensions {
		return fmt.Errorf("eventmetrics: Options.Dimensions: there are %d, at most %d are possible", len(o.Dimensions), metrics.MaxDimensions)
	}
	taken := []string{
		"", schema.EventID, schema.EventType, schema.Time, ingest.ColumnName(cmp.Or(o.Subject, defaultSubject)),
		"date", "event_type", "count", "uniques", "previous_count", "previous_uniques", "finality", "as_of",
	}
	for _, name := range ingest.ColumnNames(o.Dimensions) {
		if slices.Contains(taken, name) {
			return fmt.Errorf("eventmetrics: Options.Dimensions: %.40q is empty, given twice, or has another meaning", name)
		}
		taken = append(taken, name)
	}
	return nil
}

// schemasWithoutSubject returns the names of the schemas that do not require the
// column of the subject, sorted; "default" is that of Options.Schema.
func (o *Options) schemasWithoutSubject() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(o.Schemas)) {
		if lacks(o.Schemas[name], o.Subject) {
			names = append(names, name)
		}
	}
	if lacks(o.Schema, o.Subject) {
		names = append([]string{"default"}, names...)
	}
	return names
}

// lacks reports whether a schema does not require a column.
func lacks(s ingest.Schema, column string) bool {
	return !slices.Contains(s.Columns(), ingest.ColumnName(column))
}
