package eventmetrics

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// maxRequestID is the length to which request ids go with a job; the rest of
// queue.MaxOrigin is for the trace.
const maxRequestID = 128

// origin returns what goes with a job of the context: the trace context in the
// form of the W3C, and the request id. "t=00-0af7…-01 r=any text to the end";
// each part may be absent.
func origin(ctx context.Context) string {
	var parts []string
	if text := traceText(ctx); text != "" {
		parts = append(parts, "t="+text)
	}
	if id := RequestID(ctx); id != "" && carriable(id) {
		parts = append(parts, "r="+id)
	}
	return strings.Join(parts, " ")
}

// withOrigin returns ctx with what an origin says. What it cannot read it
// ignores: an origin may be of another version or of other makers.
func withOrigin(ctx context.Context, origin string) context.Context {
	if text, ok := strings.CutPrefix(origin, "t="); ok {
		text, origin, _ = strings.Cut(text, " ")
		ctx = withTraceText(ctx, text)
	}
	if id, ok := strings.CutPrefix(origin, "r="); ok && id != "" && carriable(id) {
		ctx = WithRequestID(ctx, id)
	}
	return ctx
}

func carriable(id string) bool {
	return len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' })
}

// traceText returns the traceparent of the span of the context, or "".
func traceText(ctx context.Context) string {
	parent := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, parent)
	return parent["traceparent"]
}

// withTraceText returns ctx with the remote span that a traceparent names, or
// ctx if it names none.
func withTraceText(ctx context.Context, text string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": text})
}

// spanOf returns the span context that a traceparent names; it is not valid if
// there is none.
func spanOf(text string) trace.SpanContext {
	return trace.SpanContextFromContext(withTraceText(context.Background(), text))
}
