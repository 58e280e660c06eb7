package riverqueue

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"github.com/eventmetrics/eventmetrics/queue"
)

// River fetches jobs at the interval, as far as pace lets it. It also fetches when
// its client adds a job, but not before the cooldown after the last fetch has
// passed.
const (
	fetchCooldown = 2 * time.Millisecond
	fetchInterval = 100 * time.Millisecond
)

// ErrClosed means that the queue was closed.
var ErrClosed = errors.New("riverqueue: closed")

// consumer is one Consume.
type consumer struct {
	id     string // of the client
	stop   context.CancelFunc
	idle   *river.Client[*sql.Tx]
	client atomic.Pointer[river.Client[*sql.Tx]] // nil until it is started
}

// wake returns the client with which to add jobs.
func (c *consumer) wake() *river.Client[*sql.Tx] {
	if started := c.client.Load(); started != nil {
		return started
	}
	return c.idle
}

// fullInterval is the time between two tries to start on a full disk.
const fullInterval = time.Second

// Consume implements [queue.Queue]. A handler must return soon after its
// context ends; Consume waits until it does. On a full disk it waits for space.
// Errors: [ErrClosed].
func (q *Queue) Consume(ctx context.Context, h queue.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &consumer{id: clientID(), stop: cancel, idle: q.idle}
	if !q.join(c) {
		return ErrClosed
	}
	defer q.leave(c)
	for tries := 0; ; tries++ {
		err := q.run(ctx, c, h)
		if ctx.Err() != nil {
			return nil // the error is that of the end of ctx
		}
		if !isFull(err) {
			return err
		}
		if tries == 0 {
			q.opts.Logger.WarnContext(ctx, "no disk space to start, waiting", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(fullInterval):
		}
	}
}

func (q *Queue) join(c *consumer) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.consuming.Add(1)
	q.consumers = append(q.consumers, c)
	return true
}

func (q *Queue) leave(c *consumer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.consumers = slices.DeleteFunc(q.consumers, func(o *consumer) bool { return o == c })
	q.consuming.Done()
}

func (q *Queue) run(ctx context.Context, c *consumer, h queue.Handler) error {
	if err := q.recover(ctx); err != nil {
		return err
	}
	jobs := newHoldings(c.id, q.opts.Logger)
	client, err := q.newClient(h, jobs)
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("riverqueue: start client: %w", err)
	}
	defer jobs.end(ctx, q.driver.GetExecutor())
	c.client.Store(client)
	q.promote(ctx)
	<-client.Stopped()
	return nil
}

func (q *Queue) newClient(h queue.Handler, jobs *holdings) (*river.Client[*sql.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{handler: h, log: q.opts.Logger, jobs: jobs, exec: q.driver.GetExecutor()})
	timeout, rescueAfter := q.opts.JobTimeout, q.opts.JobTimeout+time.Minute
	if timeout < 0 {
		timeout, rescueAfter = -1, 24*time.Hour
	}
	client, err := river.NewClient(counted{q.driver, jobs, &pace{news: &q.news}, &q.promotion}, &river.Config{
		ID:                          jobs.client,
		Queues:                      map[string]river.QueueConfig{q.opts.Name: {MaxWorkers: q.opts.Workers}},
		Workers:                     workers,
		FetchCooldown:               fetchCooldown,
		FetchPollInterval:           fetchInterval,
		JobTimeout:                  timeout,
		RescueStuckJobsAfter:        rescueAfter,
		RetryPolicy:                 retryPolicy{q.opts.Retry},
		SoftStopTimeout:             max(q.opts.DrainTimeout, time.Nanosecond),
		CompletedJobRetentionPeriod: q.opts.DoneWindow,
		CancelledJobRetentionPeriod: -1,
		DiscardedJobRetentionPeriod: -1,
		Logger:                      q.riverLogger(),
	})
	if err != nil {
		return nil, fmt.Errorf("riverqueue: make client: %w", err)
	}
	return client, nil
}

// clientID returns the id of a client in River's tables. River's own ids are not
// unique if two clients start in the same microsecond.
func clientID() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%.60s_%d_%s", host, os.Getpid(), rand.Text()[:10])
}

// riverLogger returns a logger for River's messages from the level in the
// options on.
func (q *Queue) riverLogger() *slog.Logger {
	return slog.New(riverLog{q.opts.Logger.Handler(), q.opts.RiverLevel})
}
