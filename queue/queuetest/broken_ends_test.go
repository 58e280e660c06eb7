package queuetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func brokenEnds() []brokenQueue {
	return []brokenQueue{
		{
			name: "counts a thousand dead letters", fails: []string{"dead letters stay however many there are"},
			open: faked(func(f *fake) { f.stats = func(s *queue.Stats) { s.Dead = min(s.Dead, 1000) } }),
		},
		{name: "keeps a thousand dead letters", fails: []string{"dead letters stay however many there are"}, open: onDead(func(q queue.DeadQuery, list []queue.DeadJob) []queue.DeadJob {
			if q.Cursor != "" && q.Limit == 1000 {
				return nil
			}
			return list
		}), change: func(h *Harness) { h.Timeout = 10 * time.Second }},
		{name: "drops dead letters after a day", fails: []string{"dead letters stay for weeks"}, open: func(s Settings) queue.Queue { return newTimely(s) }, change: func(h *Harness) {
			h.Shift = func(_ *testing.T, q queue.Queue, d time.Duration) {
				q.(*timely).old.Store(d < -24*time.Hour)
			}
		}},
		{name: "refunds every attempt of the drain", fails: []string{"an attempt that fails during the drain counts"}, open: refundsAll},
		{
			name: "counts the done window from the start of the job", fails: []string{"a completed job is added again after the done window"},
			open: set(func(s *Settings) { s.DoneWindow = 1 }),
		},
		{name: "gives a long job to a second handler", fails: []string{"a job that runs for long stays with its handler"}, open: handled(func(ctx context.Context, j queue.Job, h queue.Handler) error {
			var second sync.WaitGroup
			second.Go(func() {
				<-time.After(20 * time.Millisecond)
				_ = h(ctx, j)
			})
			defer second.Wait()
			return h(ctx, j)
		}), change: func(h *Harness) { h.Lease = 20 * time.Millisecond }},
		{
			name: "has the age of a delayed job from its Enqueue", fails: []string{"a delayed job has waited since its time"},
			open: faked(func(f *fake) {
				f.stats = func(s *queue.Stats) {
					if s.Waiting > 0 {
						s.OldestWaiting += 500 * time.Millisecond
					}
				}
			}),
		},
		{name: "takes the end of a context for an outage", fails: []string{"a method whose context has ended returns an error and changes nothing"}, open: faked(func(f *fake) {
			f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
				if ctx.Err() != nil {
					return queue.ErrUnavailable
				}
				return f.Queue.Enqueue(ctx, jobs...)
			}
		})},
		{name: "knows cancelled contexts only", fails: []string{"a method whose context has ended returns an error and changes nothing"}, open: faked(func(f *fake) {
			f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
				if ctx.Err() != nil {
					return context.Canceled
				}
				return f.Queue.Enqueue(ctx, jobs...)
			}
		})},
	}
}

// timely is a queue whose dead letters get too old.
type timely struct {
	fake
	old atomic.Bool
}

func newTimely(s Settings) *timely {
	q := &timely{fake: fake{Queue: sound(s)}}
	q.dead = func(ctx context.Context, query queue.DeadQuery) ([]queue.DeadJob, error) {
		if q.old.Load() {
			return nil, nil
		}
		return q.Queue.Dead(ctx, query)
	}
	return q
}

func refundsAll(s Settings) queue.Queue {
	var refunded atomic.Int64
	f := &fake{Queue: sound(s)}
	f.consume = func(ctx context.Context, h queue.Handler) error {
		return f.Queue.Consume(ctx, func(work context.Context, j queue.Job) error {
			j.Attempt -= int(refunded.Load())
			err := h(work, j)
			if err != nil && ctx.Err() != nil {
				refunded.Add(1)
			}
			return err
		})
	}
	return f
}
