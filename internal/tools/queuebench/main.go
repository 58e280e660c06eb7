// Command queuebench measures queue/redisqueue beside asynq, in turns on one
// private Redis, and prints a table.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// backend is a queue under test. A job is a number.
type backend interface {
	// enqueue adds jobs one by one.
	enqueue(ctx context.Context, first, n int) error
	// bulk adds jobs in as few calls as the queue allows.
	bulk(ctx context.Context, first, n int) error
	// consume calls done for each job until ctx ends, up to c at a time.
	consume(ctx context.Context, c int, done func(job int)) error
	close() error
}

// result is what was measured of a backend, by row of the table.
type result map[string]float64

func main() {
	jobs := flag.Int("jobs", 50_000, "jobs in each measurement")
	flag.Parse()
	if err := run(context.Background(), *jobs); err != nil {
		fmt.Fprintln(os.Stderr, "queuebench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, jobs int) error {
	dir, err := os.MkdirTemp("", "queuebench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	server, err := testenv.OpenRedis(dir)
	if err != nil {
		return err
	}
	defer server.Kill() //nolint:errcheck // at the end
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close() //nolint:errcheck // at the end

	results := map[string]result{}
	for _, peer := range []struct {
		name string
		open func(context.Context, string, string) (backend, error)
	}{{"redisqueue", openOurs}, {"asynq", openAsynq}} {
		fmt.Fprintln(os.Stderr, "measuring", peer.name)
		m := &meter{client: client, jobs: jobs, open: func(name string) (backend, error) { return peer.open(ctx, server.Addr, name) }}
		if results[peer.name], err = m.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", peer.name, err)
		}
	}
	print(results)
	return nil
}

func print(results map[string]result) {
	ours, theirs := results["redisqueue"], results["asynq"]
	fmt.Printf("%-32s %12s %12s %8s\n", "", "redisqueue", "asynq", "ratio")
	for _, row := range rows {
		fmt.Printf("%-32s %12.1f %12.1f %8.2f\n", row, ours[row], theirs[row], ours[row]/theirs[row])
	}
}

// The rows of the table.
const (
	enqueueRate = "enqueue, 16 callers, jobs/s"
	bulkRate    = "enqueue, bulk, jobs/s"
	bytesAJob   = "memory of a waiting job, bytes"
	rate10      = "no-op, 10 at a time, jobs/s"
	rate100     = "no-op, 100 at a time, jobs/s"
	cpuClient   = "CPU of the client, us/job"
	cpuServer   = "CPU of Redis, us/job"
	idleMedian  = "idle start p50, ms"
	idleTail    = "idle start, longest of 40, ms"
)

var rows = []string{enqueueRate, bulkRate, bytesAJob, rate10, rate100, cpuClient, cpuServer, idleMedian, idleTail}

// meter measures one backend.
type meter struct {
	client *redis.Client
	jobs   int
	open   func(name string) (backend, error)
	queues int
}

func (m *meter) measure(ctx context.Context) (result, error) {
	r := result{}
	for _, step := range []func(context.Context, backend, result) error{
		m.enqueueAndDrain(rate10, 10, false), m.enqueueAndDrain(rate100, 100, true), m.idle,
	} {
		if err := m.client.FlushAll(ctx).Err(); err != nil {
			return nil, err
		}
		m.queues++
		b, err := m.open("bench" + strconv.Itoa(m.queues))
		if err != nil {
			return nil, err
		}
		if err := step(ctx, b, r); err != nil {
			return nil, err
		}
		if err := b.close(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (m *meter) enqueueAndDrain(row string, workers int, bulk bool) func(context.Context, backend, result) error {
	return func(ctx context.Context, b backend, r result) error {
		before, err := m.info(ctx, "used_memory")
		if err != nil {
			return err
		}
		start := time.Now()
		if bulk {
			err = b.bulk(ctx, 0, m.jobs)
			r[bulkRate] = float64(m.jobs) / time.Since(start).Seconds()
		} else {
			err = m.callers(ctx, b)
			r[enqueueRate] = float64(m.jobs) / time.Since(start).Seconds()
		}
		if err != nil {
			return err
		}
		after, err := m.info(ctx, "used_memory")
		if err != nil {
			return err
		}
		r[bytesAJob] = (after - before) / float64(m.jobs)
		return m.drain(ctx, b, r, row, workers)
	}
}

// callers enqueues from 16 goroutines.
func (m *meter) callers(ctx context.Context, b backend) error {
	var all sync.WaitGroup
	errs := make(chan error, 16)
	for i := range 16 {
		all.Go(func() { errs <- b.enqueue(ctx, i*m.jobs/16, (i+1)*m.jobs/16-i*m.jobs/16) })
	}
	all.Wait()
	for range 16 {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// drain lets workers do all jobs and takes the time and the CPU.
func (m *meter) drain(ctx context.Context, b backend, r result, row string, workers int) error {
	server, err := m.serverCPU(ctx)
	if err != nil {
		return err
	}
	client, start := clientCPU(), time.Now()
	var left atomic.Int64
	left.Store(int64(m.jobs))
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	var took, spent time.Duration
	err = b.consume(consuming, workers, func(int) {
		if left.Add(-1) == 0 {
			took, spent = time.Since(start), clientCPU()-client
			stop()
		}
	})
	if err != nil {
		return err
	}
	r[row] = float64(m.jobs) / took.Seconds()
	r[cpuClient] = float64(spent.Microseconds()) / float64(m.jobs)
	now, err := m.serverCPU(ctx)
	r[cpuServer] = (now - server) * 1e6 / float64(m.jobs)
	return err
}

// idle enqueues single jobs while workers wait, and takes how long each waits.
func (m *meter) idle(ctx context.Context, b backend, r result) error {
	const starts = 40
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	started := make(chan time.Time, 1)
	ended := make(chan error, 1)
	go func() { ended <- b.consume(consuming, 10, func(int) { started <- time.Now() }) }()
	var waits []time.Duration
	for i := range starts + 1 {
		before := time.Now()
		if err := b.enqueue(ctx, i, 1); err != nil {
			return err
		}
		wait := (<-started).Sub(before)
		if i > 0 { // the first waits for the workers to start
			waits = append(waits, wait)
		}
		time.Sleep(time.Duration(i%7) * 3 * time.Millisecond) // at no fixed phase of a poll
	}
	stop()
	slices.Sort(waits)
	r[idleMedian] = float64(waits[starts/2].Microseconds()) / 1000
	r[idleTail] = float64(waits[starts-1].Microseconds()) / 1000
	return <-ended
}

// info reads a number from INFO.
func (m *meter) info(ctx context.Context, name string) (float64, error) {
	text, err := m.client.Info(ctx, "memory", "cpu").Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("INFO has no %s", name)
}

func (m *meter) serverCPU(ctx context.Context) (float64, error) {
	user, err := m.info(ctx, "used_cpu_user")
	if err != nil {
		return 0, err
	}
	system, err := m.info(ctx, "used_cpu_sys")
	return user + system, err
}

func clientCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
