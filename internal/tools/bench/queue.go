package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// backend is a queue. A job is a number.
type backend interface {
	// enqueue adds jobs one by one.
	enqueue(ctx context.Context, first, n int) error
	// bulk adds jobs in as few calls as the queue allows.
	bulk(ctx context.Context, first, n int) error
	// consume calls done for each job until ctx ends.
	consume(ctx context.Context, done func(job int)) error
	close() error
}

func queueTable() *table {
	return &table{
		name: "queue", title: "Queues",
		about: "Jobs that do nothing, each under a key of its own. CPU times are those of 10 at a time. Start is the time from Enqueue " +
			"to the begin of the job in the same process while nothing else is there.",
		columns: []column{
			{title: "enqueue in bulk, jobs/s", value: "bulk"},
			{title: "by 16 callers, jobs/s", value: "enqueue"},
			{title: "done 10 at a time, jobs/s", value: "rate10"},
			{title: "100 at a time, jobs/s", value: "rate100"},
			{title: "CPU, us a job", value: "cpu"},
			{title: "CPU of Redis, us a job", value: "server"},
			{title: "Redis, bytes a waiting job", value: "bytes"},
			{title: "start p50, ms", value: "p50"},
			{title: "p97, ms", value: "p97"},
		},
		rows: []row{
			{name: "redisqueue", run: onRedis(openOurs), runs: 3},
			{name: "asynq 0.26 (has no bulk)", run: onRedis(openAsynq), runs: 3},
			{name: "riverqueue on SQLite", run: onSQLite, runs: 3},
		},
	}
}

// queueMeter measures one backend.
type queueMeter struct {
	*meter
	redis *redis.Client // nil without one
	open  func(ctx context.Context, name string, workers int) (backend, error)
	count int // of jobs
}

func onRedis(open func(ctx context.Context, addr, name string, workers int) (backend, error)) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		server, err := testenv.OpenRedis(m.dir)
		if err != nil {
			return err
		}
		m.later(server.Kill)
		client := redis.NewClient(&redis.Options{Addr: server.Addr})
		m.later(client.Close)
		q := &queueMeter{meter: m, redis: client, count: m.jobs}
		q.open = func(ctx context.Context, name string, workers int) (backend, error) {
			return open(ctx, server.Addr, name, workers)
		}
		return q.measure(ctx)
	}
}

func onSQLite(ctx context.Context, m *meter) error {
	q := &queueMeter{meter: m, count: m.jobs / 10}
	q.open = func(ctx context.Context, name string, workers int) (backend, error) {
		return openRiver(ctx, m.path(name), workers)
	}
	return q.measure(ctx)
}

func (q *queueMeter) measure(ctx context.Context) error {
	for i, step := range []struct {
		workers int
		run     func(context.Context, backend) error
	}{{10, q.singly}, {100, q.inBulk}, {10, q.idle}} {
		b, err := q.open(ctx, "bench"+strconv.Itoa(i), step.workers)
		if err != nil {
			return err
		}
		if err := step.run(ctx, b); err != nil {
			return err
		}
		if err := b.close(); err != nil {
			return err
		}
	}
	return nil
}

func (q *queueMeter) singly(ctx context.Context, b backend) error {
	if err := q.rate("enqueue", func() error { return q.callers(ctx, b) }); err != nil {
		return err
	}
	return q.drain(ctx, b, "rate10")
}

func (q *queueMeter) inBulk(ctx context.Context, b backend) error {
	if err := q.rate("bulk", func() error { return b.bulk(ctx, 0, q.count) }); err != nil {
		return err
	}
	return q.drain(ctx, b, "rate100")
}

// rate measures how many jobs a second f enqueues, and their memory in Redis.
func (q *queueMeter) rate(name string, f func() error) error {
	before, err := q.info("used_memory")
	if err != nil {
		return err
	}
	start := time.Now()
	if err := f(); err != nil {
		return err
	}
	q.result[name] = float64(q.count) / time.Since(start).Seconds()
	after, err := q.info("used_memory")
	if q.redis != nil {
		q.result["bytes"] = (after - before) / float64(q.count)
	}
	return err
}

// callers enqueues from 16 goroutines.
func (q *queueMeter) callers(ctx context.Context, b backend) error {
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		first, next := i*q.count/16, (i+1)*q.count/16
		all.Go(func() { errs[i] = b.enqueue(ctx, first, next-first) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// drain lets workers do all jobs, and takes the time and the CPU.
func (q *queueMeter) drain(ctx context.Context, b backend, name string) error {
	server, err := q.serverCPU()
	if err != nil {
		return err
	}
	own, start := ownCPU(), time.Now()
	var left atomic.Int64
	left.Store(int64(q.count))
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	var took, spent time.Duration
	err = b.consume(consuming, func(int) {
		if left.Add(-1) == 0 {
			took, spent = time.Since(start), ownCPU()-own
			stop()
		}
	})
	if err != nil {
		return err
	}
	q.result[name] = float64(q.count) / took.Seconds()
	if name != "rate10" {
		return nil
	}
	q.result["cpu"] = float64(spent.Microseconds()) / float64(q.count)
	now, err := q.serverCPU()
	if q.redis != nil {
		q.result["server"] = (now - server) * 1e6 / float64(q.count)
	}
	return err
}

// idle enqueues single jobs while workers wait, and takes how long each waits.
func (q *queueMeter) idle(ctx context.Context, b backend) error {
	const starts = 40 // asynq takes a second each
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	started := make(chan time.Time, 1)
	ended := make(chan error, 1)
	go func() { ended <- b.consume(consuming, func(int) { started <- time.Now() }) }()
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
	q.result["p50"], q.result["p97"] = milliseconds(waits[starts/2]), milliseconds(waits[starts*97/100])
	return <-ended
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// info reads a number from INFO of Redis; without one it is 0.
func (q *queueMeter) info(name string) (float64, error) {
	if q.redis == nil {
		return 0, nil
	}
	text, err := q.redis.Info(context.Background(), "memory", "cpu").Result()
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

// serverCPU returns the CPU time of Redis in seconds.
func (q *queueMeter) serverCPU() (float64, error) {
	user, err := q.info("used_cpu_user")
	if err != nil {
		return 0, err
	}
	system, err := q.info("used_cpu_sys")
	return user + system, err
}
