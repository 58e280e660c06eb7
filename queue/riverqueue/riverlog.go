package riverqueue

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// riverLog makes River's messages look like those of this project: "JobCleaner:
// Error cleaning jobs" with an attribute error becomes "error cleaning jobs" with
// river=JobCleaner and err.
type riverLog struct {
	slog.Handler
	least slog.Leveler
}

func (l riverLog) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= l.least.Level() && l.Handler.Enabled(ctx, level)
}

func (l riverLog) Handle(ctx context.Context, r slog.Record) error {
	part, text, found := strings.Cut(r.Message, ": ")
	if !found || strings.Contains(part, " ") {
		part, text = "Client", r.Message
	}
	ours := slog.NewRecord(r.Time, r.Level, lowerFirst(text), r.PC)
	ours.AddAttrs(slog.String("river", part))
	r.Attrs(func(a slog.Attr) bool {
		ours.AddAttrs(renamed(a))
		return true
	})
	return l.Handler.Handle(ctx, ours)
}

func (l riverLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	ours := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		ours[i] = renamed(a)
	}
	return riverLog{l.Handler.WithAttrs(ours), l.least}
}

func (l riverLog) WithGroup(name string) slog.Handler {
	return riverLog{l.Handler.WithGroup(name), l.least}
}

// renamed gives an error the name that it has in all other lines.
func renamed(a slog.Attr) slog.Attr {
	if a.Key == "error" {
		a.Key = "err"
	}
	return a
}

func lowerFirst(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToLower(r)) + text[size:]
}
