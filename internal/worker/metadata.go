package worker

import (
	"context"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
)

// maxRequestID is the length of request ids that are stored with a job; the rest
// of queue.MaxMetadata is for the trace.
const maxRequestID = 128

// Metadata returns the trace parent and the request id of a context as
// [queue.Job].Metadata: "t=00-0af7…-01 r=any text to the end". Each part may be
// missing.
func Metadata(ctx context.Context) string {
	var parts []string
	if text := telemetry.TraceParent(ctx); text != "" {
		parts = append(parts, "t="+text)
	}
	if id := telemetry.RequestID(ctx); id != "" && isPrintable(id) {
		parts = append(parts, "r="+id)
	}
	return strings.Join(parts, " ")
}

// WithMetadata returns ctx with the trace parent and the request id of a job's
// metadata. It ignores what it cannot read, because another version or another
// program may have written it.
func WithMetadata(ctx context.Context, text string) context.Context {
	if parent, ok := strings.CutPrefix(text, "t="); ok {
		parent, text, _ = strings.Cut(parent, " ")
		ctx = telemetry.WithTraceParent(ctx, parent)
	}
	if id, ok := strings.CutPrefix(text, "r="); ok && id != "" && isPrintable(id) {
		ctx = telemetry.WithRequestID(ctx, id)
	}
	return ctx
}

func isPrintable(id string) bool {
	return len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' })
}
