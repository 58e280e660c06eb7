package queuetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func brokenOrders() []brokenQueue {
	return []brokenQueue{
		{name: "reverses the jobs of a call", fails: []string{"jobs run in the order in which they were enqueued"}, open: faked(func(f *fake) {
			f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
				jobs = slices.Clone(jobs)
				slices.Reverse(jobs)
				return f.Queue.Enqueue(ctx, jobs...)
			}
		})},
		{name: "delays jobs to whole seconds", fails: []string{"delayed jobs run in the order of their times, to the millisecond"}, open: onEnqueue(func(j *queue.Job) {
			if !j.RunAt.IsZero() {
				j.RunAt = j.RunAt.Truncate(time.Second).Add(time.Second)
			}
		}), change: func(h *Harness) { h.Timeout = 5 * time.Second }},
		{name: "runs a retried job first", fails: []string{"a retried dead letter runs after the jobs that wait"}, open: retriedFirst},
		{name: "puts a job back at the end", fails: []string{"a job that is put back runs before jobs that were enqueued later"}, open: putBackLast},
		{name: "puts a lost job back at the end", fails: []string{
			"a lost job runs before jobs that were enqueued later",
		}, open: sound, reopen: func(_ queue.Queue, s Settings) queue.Queue {
			q := sound(s)
			_ = q.Enqueue(context.Background(), queue.Job{Kind: "test", ID: "later"}, theJob)
			return q
		}},
		{name: "runs the last attempt of a lost job at once", fails: []string{
			"the last attempt of a job that lost its process waits",
		}, open: sound, reopen: func(_ queue.Queue, s Settings) queue.Queue {
			q := sound(s)
			_ = q.Enqueue(context.Background(), theJob)
			return q
		}},
		{
			name: "waits twice as long at most", fails: []string{"a retry waits at least the backoff, which doubles"},
			open: set(func(s *Settings) { s.Retry.Max = 2 * s.Retry.Base }),
		},
		{
			name: "has no maximum of the backoff", fails: []string{"the backoff stays below its maximum"},
			open: set(func(s *Settings) { s.Retry.Max = 0 }),
		},
	}
}

// retriedFirst adds what is enqueued while no Consume runs when one starts.
func retriedFirst(s Settings) queue.Queue {
	var mu sync.Mutex
	var later []queue.Job
	consuming := false
	f := &fake{Queue: sound(s)}
	f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
		mu.Lock()
		defer mu.Unlock()
		if !consuming {
			later = append(later, jobs...)
			return nil
		}
		return f.Queue.Enqueue(ctx, jobs...)
	}
	f.consume = func(ctx context.Context, h queue.Handler) error {
		mu.Lock()
		consuming = true
		err := f.Queue.Enqueue(ctx, later...)
		later = nil
		mu.Unlock()
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			consuming = false
		}()
		return errors.Join(err, f.Queue.Consume(ctx, h))
	}
	return f
}

// putBackLast exchanges the names of two jobs when one was put back.
func putBackLast(s Settings) queue.Queue {
	var exchanged atomic.Bool
	return handled(func(ctx context.Context, j queue.Job, h queue.Handler) error {
		if exchanged.Load() {
			j.ID = map[string]string{theJob.ID: "later", "later": theJob.ID}[j.ID]
		}
		err := h(ctx, j)
		if ctx.Err() != nil {
			exchanged.Store(true)
		}
		return err
	})(s)
}
