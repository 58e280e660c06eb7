package worker

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// observeProcess starts the span of an attempt to process a batch, in the
// trace of what asked for it. The function that it returns ends it and
// measures.
func (w *Worker) observeProcess(ctx context.Context, job queue.Job) (context.Context, func(outcome string, err error)) {
	w.observeWait(ctx, job)
	start := time.Now()
	ctx, span := w.tel.Start(ctx, "process", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(telemetry.BatchAttr(job.ID), attribute.Int("eventmetrics.job.attempt", job.Attempt)))
	w.linkUpload(ctx, span, job.ID)
	return ctx, func(outcome string, err error) {
		w.tel.ProcessTime.Record(ctx, telemetry.Since(start), metric.WithAttributes(telemetry.OutcomeAttr(outcome)))
		telemetry.End(span, outcome, err)
	}
}

// observeWait measures how long a batch was queued. It costs a look at the
// batch, if anybody measures.
func (w *Worker) observeWait(ctx context.Context, job queue.Job) {
	if job.Attempt != 1 || !w.tel.ProcessWait.Enabled(ctx) {
		return
	}
	b, err := w.store.Batch(ctx, job.ID)
	switch {
	case err != nil: // the attempt will tell
	case b.Status == store.Queued:
		w.tel.ProcessWait.Record(ctx, max(w.now().Sub(b.Updated), 0).Seconds())
	case b.Status == store.Uploaded: // the job was quicker than the mark
		w.tel.ProcessWait.Record(ctx, 0)
	}
}

// linkUpload links a span to that of the batch's upload, if that is of another
// trace. It costs a look at the store, if the span is recorded.
func (w *Worker) linkUpload(ctx context.Context, span trace.Span, id string) {
	if !span.IsRecording() {
		return
	}
	text, err := store.ReadAttachment(ctx, w.store, id, upload.TraceAttachment)
	if err != nil { // the batch will tell
		return
	}
	if upload := telemetry.SpanContextOf(string(text)); upload.IsValid() && upload.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: upload})
	}
}
