package upload

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/store"
)

// instruments make the spans and measures of uploads.
type instruments struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	bytes    metric.Int64Counter
	active   metric.Int64UpDownCounter
	accepted metric.Int64Counter
	rejected metric.Int64Counter
}

func newInstruments(o *Options) instruments {
	m := telemetry.NewMeter(o.MeterProvider)
	return instruments{
		tracer:   telemetry.Tracer(o.TracerProvider),
		duration: m.Seconds("eventmetrics.upload.duration", "Time of an upload, by outcome.", 300),
		bytes:    m.Counter("eventmetrics.upload.io", "By", "Bytes of files that were read, decompressed."),
		active:   m.UpDownCounter("eventmetrics.upload.active", "{upload}", "Uploads under way."),
		accepted: m.Counter("eventmetrics.upload.accepted", "{row}", "Rows of the files that became batches."),
		rejected: m.Counter("eventmetrics.upload.rejected", "{row}", "Rejected rows of files that were read to the end, by code."),
	}
}

// observe starts the span of an upload. The function that it returns ends the
// span and measures; the receipt of a dry run is nil.
func (t *instruments) observe(ctx context.Context) (context.Context, func(*Receipt, error)) {
	start := time.Now()
	ctx, span := t.tracer.Start(ctx, "upload")
	t.active.Add(ctx, 1)
	return ctx, func(r *Receipt, err error) {
		outcome, fault := outcomeOf(r, err)
		t.active.Add(ctx, -1)
		telemetry.RecordTime(ctx, t.duration, start, telemetry.Outcome(outcome))
		if err == nil && r != nil {
			span.SetAttributes(telemetry.Batch(r.Batch.ID), attribute.Int64("eventmetrics.rows.accepted", r.Batch.AcceptedRows),
				attribute.Int64("eventmetrics.rows.rejected", r.Batch.RejectedRows), attribute.Int64("eventmetrics.rows.duplicate", r.Batch.DuplicateRows))
		}
		if outcome == "stored" {
			t.accepted.Add(ctx, r.Batch.AcceptedRows)
		}
		telemetry.End(span, outcome, fault)
	}
}

// outcomeOf returns how an upload ended, and its error if the sender of the
// file did not cause it.
func outcomeOf(r *Receipt, err error) (outcome string, fault error) {
	var bodyErr *bodyError
	var limit *DedupeLimitError
	var exceeded *budget.ExceededError
	switch {
	case err == nil && r == nil:
		return "dry_run", nil
	case err == nil && r.Replayed:
		return "replayed", nil
	case err == nil && r.DuplicateOf != "":
		return "duplicate", nil
	case err == nil:
		return "stored", nil
	case isRejection(err):
		return "rejected", nil
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrTooManyRows), errors.As(err, &limit), errors.As(err, &exceeded):
		return "too_large", nil
	case errors.Is(err, ErrInFlight), errors.Is(err, ErrKeyReused):
		return "conflict", nil
	case errors.As(err, &bodyErr), errors.Is(err, context.Canceled):
		return "broken_off", nil
	case errors.Is(err, store.ErrFull):
		return "storage_full", err
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, budget.ErrBusy):
		return "unavailable", err
	default:
		return "error", err
	}
}

// isRejection reports whether an error says that the file cannot be accepted as
// it is.
func isRejection(err error) bool {
	var rejected *RejectedError
	var header *ingest.HeaderError
	var tolerance *ToleranceError
	var ambiguous *ingest.AmbiguousTimeError
	var unknown *UnknownSchemaError
	var refused *admitError
	return errors.Is(err, ErrNoRows) || errors.Is(err, ErrNoOriginal) || errors.Is(err, store.ErrUnsupported) ||
		errors.As(err, &rejected) || errors.As(err, &header) || errors.As(err, &tolerance) ||
		errors.As(err, &ambiguous) || errors.As(err, &unknown) || errors.As(err, &refused)
}

func (t *instruments) countRejected(ctx context.Context, rows map[ingest.Code]int64) {
	for code, n := range rows {
		t.rejected.Add(ctx, n, metric.WithAttributes(attribute.String("code", string(code))))
	}
}

// attachTrace stores the span of an upload with its batch, if it is sampled.
func attachTrace(ctx context.Context, w store.Writer) error {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil
	}
	return w.Attach(ctx, TraceAttachment, []byte(telemetry.TraceParent(ctx)))
}
