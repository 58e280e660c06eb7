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

// errDrained is the cause of the end of the contexts of jobs that outlast the
// drain.
var errDrained = errors.New("redisqueue: the consumer is to end")

// consumer is one Consume. Its pump alone takes jobs and stores results, in one
// call to Redis for all that there is to say. Beside it run the handlers, what
// extends the leases, and what waits for a wake-up.
type consumer struct {
	q       *Queue
	handler queue.Handler

	handlers sync.WaitGroup
	active   atomic.Int64 // handlers that run
	results  chan result

	mu    sync.Mutex
	id    string         // what Redis knows it by
	held  map[*held]bool // its jobs
	until time.Time      // its lease cannot expire before

	listener
	pumpState
}

// held is a job that this consumer has leased and not told the result of.
type held struct {
	job    queue.Job
	key    string
	owner  string                  // what Redis has for it while it is this consumer's
	cancel context.CancelCauseFunc // ends the context of the handler
	ended  bool                    // the handler has returned
	lost   bool                    // to another, perhaps
}

// Consume implements [queue.Queue]. A handler must return soon after its
// context ends; Consume waits until it does. It returns an error if Redis says
// what it will say again, such as that a key is of another type or that the
// user may not run a command. Results that cannot be stored within CallTimeout
// after the last handler has returned are given up; their jobs run again.
// Errors: [ErrClosed].
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
		return nil // what went wrong did so because it was to end
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

// run starts what the consumer is made of and returns after all of it.
func (c *consumer) run(ctx context.Context) error {
	rest, stop := context.WithCancel(context.WithoutCancel(ctx))
	work, abort := context.WithCancelCause(rest)
	var others sync.WaitGroup
	others.Go(func() { c.beat(rest) })
	others.Go(func() { c.listen(rest) })
	others.Go(func() { c.bound(ctx, rest, abort) })
	err := c.pump(ctx, work)
	abort(err)
	c.handlers.Wait()
	stop()
	others.Wait()
	return err
}

// bound ends the drain, which begins when ctx ends, after its timeout.
func (c *consumer) bound(ctx, rest context.Context, abort context.CancelCauseFunc) {
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
