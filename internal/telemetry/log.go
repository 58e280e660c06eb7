package telemetry

import (
	"context"
	"log/slog"
)

type requestIDKey struct{}

// WithRequestID returns a context with the id of a request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the id that [WithRequestID] put into the context, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

type callerKey struct{}

// WithCaller returns a context with the name of who sends a request.
func WithCaller(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, callerKey{}, name)
}

// Logger returns a logger that adds the request id and the caller of the context to
// each line.
// A nil logger discards all lines.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	if _, ok := l.Handler().(identified); ok {
		return l
	}
	return slog.New(identified{l.Handler()})
}

// identified adds the request id and the caller of the context to each line.
type identified struct{ slog.Handler }

// Handle implements slog.Handler.
func (h identified) Handle(ctx context.Context, r slog.Record) error {
	id := RequestID(ctx)
	name, _ := ctx.Value(callerKey{}).(string)
	if id != "" || name != "" {
		r = r.Clone() // it shares memory with those of other handlers
	}
	if id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if name != "" {
		r.AddAttrs(slog.String("token", name))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h identified) WithAttrs(attrs []slog.Attr) slog.Handler {
	return identified{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h identified) WithGroup(name string) slog.Handler {
	return identified{h.Handler.WithGroup(name)}
}
