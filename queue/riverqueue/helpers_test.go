package riverqueue_test

import (
	"context"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

func open(tb testing.TB, path string, o *riverqueue.Options) *riverqueue.Queue {
	tb.Helper()
	q, err := riverqueue.Open(tb.Context(), path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := q.Close(); err != nil {
			tb.Error(err)
		}
	})
	return q
}

func file(tb testing.TB) string { return filepath.Join(tb.TempDir(), "queue.db") }

// consume runs a Consume and returns what ends it and waits for it.
func consume(tb testing.TB, q queue.Queue, h queue.Handler) func() {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	go func() { ended <- q.Consume(ctx, h) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error("Consume:", err)
		}
	})
	tb.Cleanup(stop)
	return stop
}

func jobs(kind string, n int) []queue.Job {
	list := make([]queue.Job, n)
	for i := range list {
		list[i] = queue.Job{Kind: kind, ID: strconv.Itoa(i)}
	}
	return list
}
