package upload

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/store"
)

// observeUpload starts the span of an upload. The function that it returns
// ends it and measures; a dry run has no Receipt to give to it.
func (u *Uploader) observeUpload(ctx context.Context) (context.Context, func(*Receipt, error)) {
	start := time.Now()
	ctx, span := u.tel.Start(ctx, "upload")
	u.tel.UploadsActive.Add(ctx, 1)
	return ctx, func(r *Receipt, err error) {
		outcome, fault := uploadOutcome(r, err)
		u.tel.UploadsActive.Add(ctx, -1)
		u.tel.UploadTime.Record(ctx, telemetry.Since(start), metric.WithAttributes(telemetry.OutcomeAttr(outcome)))
		if err == nil && r != nil {
			span.SetAttributes(telemetry.BatchAttr(r.Batch.ID), attribute.Int64("eventmetrics.rows.accepted", r.Batch.AcceptedRows),
				attribute.Int64("eventmetrics.rows.rejected", r.Batch.RejectedRows), attribute.Int64("eventmetrics.rows.duplicate", r.Batch.DuplicateRows))
		}
		if outcome == "stored" {
			u.tel.Accepted.Add(ctx, r.Batch.AcceptedRows)
		}
		telemetry.End(span, outcome, fault)
	}
}

// uploadOutcome tells what became of an upload, and the fault if it is ours.
func uploadOutcome(r *Receipt, err error) (outcome string, fault error) {
	var rejected *RejectedError
	var header *ingest.HeaderError
	var tolerance *ToleranceError
	var ambiguous *ingest.AmbiguousTimeError
	var unknown *UnknownSchemaError
	var broken *bodyError
	var distinct *DedupeLimitError
	switch {
	case err == nil && r == nil:
		return "dry_run", nil
	case err == nil && r.Replayed:
		return "replayed", nil
	case err == nil && r.DuplicateOf != "":
		return "duplicate", nil
	case err == nil:
		return "stored", nil
	case errors.Is(err, ErrNoRows), errors.As(err, &rejected), errors.As(err, &header),
		errors.As(err, &tolerance), errors.Is(err, ErrNoOriginal), errors.Is(err, store.ErrUnsupported), errors.As(err, &ambiguous), errors.As(err, &unknown):
		return "rejected", nil
	case errors.Is(err, ErrTooLarge), errors.As(err, &distinct):
		return "too_large", nil
	case errors.Is(err, ErrInFlight), errors.Is(err, ErrKeyReused):
		return "conflict", nil
	case errors.As(err, &broken), errors.Is(err, context.Canceled):
		return "broken_off", nil
	case errors.Is(err, store.ErrUnavailable):
		return "unavailable", err
	default:
		return "error", err
	}
}

func (u *Uploader) countRejected(ctx context.Context, rows map[ingest.Code]int64) {
	for code, n := range rows {
		u.tel.Rejected.Add(ctx, n, metric.WithAttributes(attribute.String("code", string(code))))
	}
}

// attachTrace stores the span of an upload with its batch, if it is sampled.
func attachTrace(ctx context.Context, w store.Writer) error {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil
	}
	return w.Attach(ctx, TraceAttachment, []byte(telemetry.TraceParent(ctx)))
}
