package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceParent returns the traceparent of the span of the context, or "".
func TraceParent(ctx context.Context) string {
	parent := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, parent)
	return parent["traceparent"]
}

// WithTraceParent returns ctx with the remote span that a traceparent names, or
// ctx if it names none.
func WithTraceParent(ctx context.Context, text string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": text})
}

// SpanContextOf returns the span context that a traceparent names; it is not valid if
// there is none.
func SpanContextOf(text string) trace.SpanContext {
	return trace.SpanContextFromContext(WithTraceParent(context.Background(), text))
}
