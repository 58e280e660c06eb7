package queuetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func brokenBackends() []brokenQueue {
	return []brokenQueue{
		{name: "does not know the jobs of other processes", fails: []string{
			"a process runs the jobs that another enqueues",
			"two processes never run a job twice",
			"two processes retry a dead letter once",
		}, open: sound, change: func(h *Harness) {
			h.OpenPair = func(_ *testing.T, s Settings) (a, b queue.Queue) { return sound(s), sound(s) }
		}},
		{name: "has one queue for all names", fails: []string{"queues of other names are apart"}, open: sound, change: func(h *Harness) {
			h.OpenOther = func(_ *testing.T, q queue.Queue, _ Settings) queue.Queue { return q }
		}},
		{name: "returns the errors of its backend as they are", fails: []string{
			"the error of a backend that is gone is ErrUnavailable",
		}, open: func(s Settings) queue.Queue { return newOutages(s, errors.New("connection refused")) }, change: func(h *Harness) { h.Cut = cutOutages }},
		{name: "checks jobs after the call of its backend", fails: []string{
			"the error of a backend that is gone is ErrUnavailable",
		}, open: checksLate, change: func(h *Harness) { h.Cut = cutOutages }},
		{name: "ends with an outage", fails: []string{"Consume outlasts an outage"}, open: func(s Settings) queue.Queue {
			q := newOutages(s, queue.ErrUnavailable)
			q.fatal = true
			return q
		}, change: func(h *Harness) { h.Cut = cutOutages }},
		{
			name: "waits for the wall clock", fails: []string{"no job that may run waits for a clock that was set back", "no failed job waits for a clock that was set back"},
			open: func(s Settings) queue.Queue { return newClocked(s) },
			change: func(h *Harness) {
				h.Timeout = 2 * time.Second
				h.Shift = func(_ *testing.T, q queue.Queue, _ time.Duration) { close(q.(*clocked).late) }
			},
		},
		{
			name: "knows no times", fails: []string{"a delayed job waits for its time, by the clock"},
			open:   onEnqueue(func(j *queue.Job) { j.RunAt = time.Time{} }),
			change: func(h *Harness) { h.Shift = func(*testing.T, queue.Queue, time.Duration) {} },
		},
	}
}

// outages is a queue with a backend that can be gone.
type outages struct {
	fake
	err   error // of a backend that is gone
	fatal bool  // Consume ends with an outage
	late  bool  // Enqueue checks its jobs too late

	mu   sync.Mutex
	gone context.Context //nolint:containedctx // it ends when the backend is gone
	cut  context.CancelFunc
}

func newOutages(s Settings, err error) *outages {
	o := &outages{fake: fake{Queue: sound(s)}, err: err}
	o.gone, o.cut = context.WithCancel(context.Background())
	o.enqueue = func(ctx context.Context, jobs []queue.Job) error {
		for _, j := range jobs {
			if err := j.Validate(); err != nil && !o.late {
				return err
			}
		}
		return errors.Join(o.check(), o.Queue.Enqueue(ctx, jobs...))
	}
	o.dead = func(ctx context.Context, q queue.DeadQuery) ([]queue.DeadJob, error) {
		if err := o.check(); err != nil {
			return nil, err
		}
		return o.Queue.Dead(ctx, q)
	}
	o.retry = func(ctx context.Context, key string) error {
		if err := o.check(); err != nil {
			return err
		}
		return o.Queue.Retry(ctx, key)
	}
	o.discard = func(ctx context.Context, key, reason string) error {
		if err := o.check(); err != nil {
			return err
		}
		return o.Queue.Discard(ctx, key, reason)
	}
	o.consume = func(ctx context.Context, h queue.Handler) error {
		if o.fatal {
			c, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(o.gone, cancel)()
			ctx = c
		}
		return o.Queue.Consume(ctx, h)
	}
	return o
}

// check returns the error of a backend that is gone.
func (o *outages) check() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone.Err() != nil {
		return o.err
	}
	return nil
}

func (o *outages) Stats(ctx context.Context) (queue.Stats, error) {
	if err := o.check(); err != nil {
		return queue.Stats{}, err
	}
	return o.Queue.Stats(ctx)
}

func cutOutages(_ *testing.T, q queue.Queue) (restore func()) {
	o := q.(*outages)
	o.cut()
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.gone, o.cut = context.WithCancel(context.Background())
	}
}

func checksLate(s Settings) queue.Queue {
	o := newOutages(s, queue.ErrUnavailable)
	o.late = true
	inner := o.enqueue
	o.enqueue = func(ctx context.Context, jobs []queue.Job) error {
		if err := o.check(); err != nil {
			return err
		}
		return inner(ctx, jobs)
	}
	return o
}

// clocked is a queue that runs no job any more when its clock was set back.
type clocked struct {
	fake
	late chan struct{}
}

func newClocked(s Settings) *clocked {
	c := &clocked{fake: fake{Queue: sound(s)}, late: make(chan struct{})}
	c.handler = func(h queue.Handler) queue.Handler {
		return func(ctx context.Context, j queue.Job) error {
			select {
			case <-c.late:
				<-time.After(5 * time.Second)
				return ctx.Err()
			default:
				return h(ctx, j)
			}
		}
	}
	return c
}
