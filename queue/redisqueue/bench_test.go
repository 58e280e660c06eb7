//go:build unix

package redisqueue_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// cpu measures the processor time that this process and Redis use.
type cpu struct {
	client redis.UniversalClient
	before time.Duration
}

func startCPU(b *testing.B, client redis.UniversalClient) *cpu {
	b.Helper()
	c := &cpu{client: client}
	c.before = c.used(b)
	return c
}

func (c *cpu) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64((c.used(b)-c.before).Microseconds())/float64(b.N), "cpu-us/job")
}

func (c *cpu) used(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	total := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	for _, field := range []string{"used_cpu_sys", "used_cpu_user"} {
		seconds, err := strconv.ParseFloat(info(b, c.client, "cpu", field), 64)
		if err != nil {
			b.Fatal(err)
		}
		total += time.Duration(seconds * float64(time.Second))
	}
	return total
}

func info(tb testing.TB, client redis.UniversalClient, section, field string) string {
	tb.Helper()
	text, err := client.Info(context.WithoutCancel(tb.Context()), section).Result()
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	tb.Fatalf("INFO %s does not tell %s", section, field)
	return ""
}

func BenchmarkEnqueueBulk(b *testing.B) {
	s := testenv.Redis(b)
	q, client := open(b, s.URL, nil), testenv.RedisClient(b, s.URL, nil)
	all := uuids(b.N)
	c := startCPU(b, client)
	b.ResetTimer()
	enqueue(b, q, all...)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	c.report(b)
}

func BenchmarkEnqueueSingle(b *testing.B) {
	const callers = 16
	s := testenv.Redis(b)
	q, client := open(b, s.URL, nil), testenv.RedisClient(b, s.URL, nil)
	all := uuids(b.N)
	c := startCPU(b, client)
	b.ResetTimer()
	var next atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				if err := q.Enqueue(b.Context(), all[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	c.report(b)
}

func BenchmarkNoop(b *testing.B) {
	for _, workers := range []int{10, 100} {
		b.Run("workers="+strconv.Itoa(workers), func(b *testing.B) {
			s := testenv.Redis(b)
			q, client := open(b, s.URL, &redisqueue.Options{Workers: workers}), testenv.RedisClient(b, s.URL, nil)
			enqueue(b, q, uuids(b.N)...)
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan struct{})
			c := startCPU(b, client)
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
			c.report(b)
		})
	}
}

func BenchmarkIdleStart(b *testing.B) {
	s := testenv.Redis(b)
	q, client := open(b, s.URL, nil), testenv.RedisClient(b, s.URL, nil)
	started := make(chan time.Time)
	consume(b, q, func(context.Context, queue.Job) error {
		started <- time.Now()
		return nil
	})
	var waits []time.Duration
	c := startCPU(b, client)
	for i := 0; b.Loop(); i++ {
		begin := time.Now()
		enqueue(b, q, queue.Job{Kind: "process", ID: strconv.Itoa(i)})
		waits = append(waits, (<-started).Sub(begin))
	}
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "p99-ms")
	c.report(b)
}

// BenchmarkMemory reports what a job costs in Redis beyond its key.
func BenchmarkMemory(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		s := testenv.Redis(b)
		q, client := open(b, s.URL, nil), testenv.RedisClient(b, s.URL, nil)
		all := uuids(n)
		empty := memory(b, client)
		enqueue(b, q, all...)
		b.ReportMetric((memory(b, client)-empty)/n-float64(len(all[0].Key())), "B/waiting")
		var left atomic.Int64
		left.Store(n)
		done := make(chan struct{})
		stop := consume(b, q, func(context.Context, queue.Job) error {
			if left.Add(-1) == 0 {
				close(done)
			}
			return nil
		})
		<-done
		stop()
		b.ReportMetric((memory(b, client)-empty)/n-float64(len(all[0].Key())), "B/done")
	}
}

func memory(b *testing.B, client redis.UniversalClient) float64 {
	b.Helper()
	bytes, err := strconv.ParseFloat(info(b, client, "memory", "used_memory"), 64)
	if err != nil {
		b.Fatal(err)
	}
	return bytes
}
