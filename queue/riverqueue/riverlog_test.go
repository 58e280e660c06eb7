package riverqueue

import (
	"log/slog"
	"strings"
	"testing"
)

func TestRiversMessagesReadLikeOurs(t *testing.T) {
	var text strings.Builder
	plain := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	log := slog.New(riverLog{slog.NewTextHandler(&text, plain), slog.LevelWarn})
	log.Error("JobCleaner: Error cleaning jobs", "error", "disk full")
	log.With("error", "late").Warn("Error waiting: too late", "queue", "events")
	log.Info("Producer: Producer job counts")
	want := "level=ERROR msg=\"error cleaning jobs\" river=JobCleaner err=\"disk full\"\n" +
		"level=WARN msg=\"error waiting: too late\" err=late river=Client queue=events\n"
	if text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", text.String(), want)
	}
}
