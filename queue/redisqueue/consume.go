package redisqueue

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// errDrained is the cause of the end of contexts of jobs after the drain timeout.
var errDrained = errors.New("redisqueue: the consumer is to end")

// consumer is one Consume. Its pump alone takes jobs and stores results, both in
// one call to Redis. Concurrently run the handlers, the heartbeat that extends
// the lease, and the listener that waits for a wake-up.
type consumer struct {
	q       *Queue
	handler queue.Handler

	handlers sync.WaitGroup
	active   atomic.Int64 // handlers that run
	results  chan result

	mu    sync.Mutex
	id    string         // in Redis
	held  map[*held]bool // its jobs
	until time.Time      // the lease does not expire before

	listener
	pumpState
}

// held is a job that this consumer has leased and whose result is not stored.
type held struct {
	job    queue.Job
	key    string
	owner  string                  // the value in Redis while this consumer has it
	cancel context.CancelCauseFunc // ends the context of the handler
	ended  bool                    // the handler has returned
	lost   bool                    // another consumer may have it
}

// Consume implements [queue.Queue]. A handler must return soon after its
// context ends; Consume waits until it does. It returns an error if Redis
// returns a permanent one, such as that a key has another type or that the user
// may not run a command. Results that cannot be stored within CallTimeout after
// the last handler has returned are lost; their jobs run again. Errors:
// [ErrClosed].
func (q *Queue) Consume(ctx context.Context, h queue.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &consumer{
		q:         q,
		handler:   h,
		id:        rand.Text(),
		results:   make(chan result, q.opts.Workers),
		held:      map[*held]bool{},
		listener:  newListener(q),
		pumpState: newPumpState(),
	}
	if !q.join(c, cancel) {
		return ErrClosed
	}
	defer q.leave(c)
	if ctx.Err() != nil {
		return nil
	}
	err := c.run(ctx)
	if ctx.Err() != nil {
		return nil // the error is that of the end of ctx
	}
	return err
}

func (q *Queue) join(c *consumer, stop context.CancelFunc) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.consuming.Add(1)
	q.stops[c] = stop
	return true
}

func (q *Queue) leave(c *consumer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.stops, c)
	q.consuming.Done()
}

// run starts the goroutines of the consumer and waits for all of them.
func (c *consumer) run(ctx context.Context) error {
	rest, stop := context.WithCancel(context.WithoutCancel(ctx))
	work, abort := context.WithCancelCause(rest)
	var others sync.WaitGroup
	others.Go(func() { c.heartbeat(rest) })
	others.Go(func() { c.listen(rest) })
	others.Go(func() { c.limitDrain(ctx, rest, abort) })
	err := c.pump(ctx, work)
	abort(err)
	c.handlers.Wait()
	stop()
	others.Wait()
	return err
}

// limitDrain cancels the contexts of the handlers when the drain timeout has
// passed since the end of ctx.
func (c *consumer) limitDrain(ctx, rest context.Context, abort context.CancelCauseFunc) {
	select {
	case <-ctx.Done():
	case <-rest.Done():
		return
	}
	timer := time.NewTimer(c.q.opts.DrainTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		abort(errDrained)
	case <-rest.Done():
	}
}
