package telemetry

import (
	"context"
	"log/slog"
)

type requestIDKey struct{}

// WithRequestID returns a context with the id of a request. Each line that a
// [Service] logs with it has the id as request_id, and so have the lines of
// the jobs that it asks for, in whatever process, if the id is at most 128
// bytes of printable ASCII. Package httpapi does this for its requests.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the id that [WithRequestID] put into the context, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// Identified adds the request id of the context to each line.
type Identified struct{ slog.Handler }

// Handle implements slog.Handler.
func (h Identified) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r = r.Clone() // it shares memory with those of other handlers
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h Identified) WithAttrs(attrs []slog.Attr) slog.Handler {
	return Identified{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h Identified) WithGroup(name string) slog.Handler {
	return Identified{h.Handler.WithGroup(name)}
}
