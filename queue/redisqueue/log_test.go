package redisqueue_test

import (
	"log/slog"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/test/syncbuf"
)

// lines is a log that goroutines share.
type lines struct{ syncbuf.Buffer }

func (l *lines) count(text string) int { return strings.Count(l.String(), text) }

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
