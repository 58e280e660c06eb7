package worker

import (
	"context"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
)

// maxRequestID is the length to which request ids go with a job; the rest of
// queue.MaxMetadata is for the trace.
const maxRequestID = 128

// Origin returns what goes with a job of the context: the trace context in the
// form of the W3C, and the request id. "t=00-0af7…-01 r=any text to the end";
// each part may be absent.
func Metadata(ctx context.Context) string {
	var parts []string
	if text := telemetry.TraceParent(ctx); text != "" {
		parts = append(parts, "t="+text)
	}
	if id := telemetry.RequestID(ctx); id != "" && carriable(id) {
		parts = append(parts, "r="+id)
	}
	return strings.Join(parts, " ")
}

// WithOrigin returns ctx with what an origin says. What it cannot read it
// ignores: an origin may be of another version or of other makers.
func WithMetadata(ctx context.Context, origin string) context.Context {
	if text, ok := strings.CutPrefix(origin, "t="); ok {
		text, origin, _ = strings.Cut(text, " ")
		ctx = telemetry.WithTraceParent(ctx, text)
	}
	if id, ok := strings.CutPrefix(origin, "r="); ok && id != "" && carriable(id) {
		ctx = telemetry.WithRequestID(ctx, id)
	}
	return ctx
}

func carriable(id string) bool {
	return len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' })
}
