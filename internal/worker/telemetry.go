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

// instruments make the spans and measures of a Worker.
type instruments struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	wait     metric.Float64Histogram
}

func newInstruments(o *Options) instruments {
	m := telemetry.NewMeter(o.MeterProvider)
	return instruments{
		tracer:   telemetry.Tracer(o.TracerProvider),
		duration: m.Seconds("eventmetrics.process.duration", "Time of an attempt to process a batch, by outcome.", 300),
		wait:     m.Seconds("eventmetrics.process.wait", "Time between a batch being queued and its first attempt.", 3600),
	}
}

// observeProcess starts the span of an attempt to process a batch, in the
// trace of the request that queued it. The function that it returns ends the
// span and measures.
func (w *Worker) observeProcess(ctx context.Context, job queue.Job) (context.Context, func(outcome string, err error)) {
	w.observeWait(ctx, job)
	start := time.Now()
	ctx, span := w.tel.tracer.Start(ctx, "process", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(telemetry.Batch(job.ID), attribute.Int("eventmetrics.job.attempt", job.Attempt)))
	w.linkUpload(ctx, span, job.ID)
	return ctx, func(outcome string, err error) {
		telemetry.RecordTime(ctx, w.tel.duration, start, telemetry.Outcome(outcome))
		telemetry.End(span, outcome, err)
	}
}

// observeWait measures how long a batch was queued. It reads the batch, unless
// the measure is disabled.
func (w *Worker) observeWait(ctx context.Context, job queue.Job) {
	if job.Attempt != 1 || !w.tel.wait.Enabled(ctx) {
		return
	}
	b, err := w.store.Batch(ctx, job.ID)
	switch {
	case err != nil: // the attempt reports it
	case b.Status == store.Queued:
		w.tel.wait.Record(ctx, max(w.now().Sub(b.Updated), 0).Seconds())
	case b.Status == store.Uploaded: // the job started before it was marked queued
		w.tel.wait.Record(ctx, 0)
	}
}

// linkUpload links a span to that of the batch's upload, if that belongs to
// another trace. It reads the store, unless the span is not recorded.
func (w *Worker) linkUpload(ctx context.Context, span trace.Span, id string) {
	if !span.IsRecording() {
		return
	}
	text, err := store.ReadAttachment(ctx, w.store, id, upload.TraceAttachment)
	if err != nil { // the attempt reports it
		return
	}
	if upload := telemetry.SpanContextOf(string(text)); upload.IsValid() && upload.TraceID() != span.SpanContext().TraceID() {
		span.AddLink(trace.Link{SpanContext: upload})
	}
}
