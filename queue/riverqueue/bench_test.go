package riverqueue_test

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

func BenchmarkEnqueueBulk(b *testing.B) {
	q := open(b, file(b), nil)
	all := jobs("bench", b.N)
	b.ResetTimer()
	if err := q.Enqueue(b.Context(), all...); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}

func BenchmarkNoop(b *testing.B) {
	for _, workers := range []int{10, 100} {
		b.Run("workers="+strconv.Itoa(workers), func(b *testing.B) {
			q := open(b, file(b), &riverqueue.Options{Workers: workers})
			if err := q.Enqueue(b.Context(), jobs("bench", b.N)...); err != nil {
				b.Fatal(err)
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan struct{})
			b.ResetTimer()
			stop := consume(b, q, func(context.Context, queue.Job) error {
				if left.Add(-1) == 0 {
					close(done)
				}
				return nil
			})
			<-done
			stop() // all completions are written after this
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}

func BenchmarkIdleStart(b *testing.B) {
	q := open(b, file(b), nil)
	started := make(chan time.Time)
	consume(b, q, func(context.Context, queue.Job) error {
		started <- time.Now()
		return nil
	})
	var waits []time.Duration
	for i := 0; b.Loop(); i++ {
		begin := time.Now()
		if err := q.Enqueue(b.Context(), queue.Job{Kind: "bench", ID: strconv.Itoa(i)}); err != nil {
			b.Fatal(err)
		}
		waits = append(waits, (<-started).Sub(begin))
	}
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "p99-ms")
}
