package queuetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// brokenQueue breaks one rule, which the checks that it fails must notice.
type brokenQueue struct {
	name   string
	fails  []string
	open   func(s Settings) queue.Queue
	reopen func(q queue.Queue, s Settings) queue.Queue
	change func(h *Harness) // to what the checks need besides; may be nil
}

// fake is a sound queue with some methods replaced.
type fake struct {
	queue.Queue
	enqueue func(ctx context.Context, jobs []queue.Job) error
	handler func(h queue.Handler) queue.Handler
	consume func(ctx context.Context, h queue.Handler) error
	dead    func(ctx context.Context, q queue.DeadQuery) ([]queue.DeadJob, error)
	retry   func(ctx context.Context, key string) error
	discard func(ctx context.Context, key, reason string) error
	stats   func(s *queue.Stats)
}

func (f *fake) Enqueue(ctx context.Context, jobs ...queue.Job) error {
	if f.enqueue == nil {
		return f.Queue.Enqueue(ctx, jobs...)
	}
	return f.enqueue(ctx, jobs)
}

func (f *fake) Consume(ctx context.Context, h queue.Handler) error {
	if f.handler != nil {
		h = f.handler(h)
	}
	if f.consume == nil {
		return f.Queue.Consume(ctx, h)
	}
	return f.consume(ctx, h)
}

func (f *fake) Dead(ctx context.Context, q queue.DeadQuery) ([]queue.DeadJob, error) {
	if f.dead == nil {
		return f.Queue.Dead(ctx, q)
	}
	return f.dead(ctx, q)
}

func (f *fake) Retry(ctx context.Context, key string) error {
	if f.retry == nil {
		return f.Queue.Retry(ctx, key)
	}
	return f.retry(ctx, key)
}

func (f *fake) Discard(ctx context.Context, key, reason string) error {
	if f.discard == nil {
		return f.Queue.Discard(ctx, key, reason)
	}
	return f.discard(ctx, key, reason)
}

func (f *fake) Stats(ctx context.Context) (queue.Stats, error) {
	s, err := f.Queue.Stats(ctx)
	if f.stats != nil {
		f.stats(&s)
	}
	return s, err
}

// faked returns an open function for a fake that change has set up.
func faked(change func(f *fake)) func(s Settings) queue.Queue {
	return func(s Settings) queue.Queue {
		f := &fake{Queue: sound(s)}
		change(f)
		return f
	}
}

// set returns an open function for a sound queue with other settings.
func set(change func(s *Settings)) func(s Settings) queue.Queue {
	return func(s Settings) queue.Queue {
		change(&s)
		return sound(s)
	}
}

// handled returns an open function for a queue that calls do for h.
func handled(do func(ctx context.Context, j queue.Job, h queue.Handler) error) func(s Settings) queue.Queue {
	return faked(func(f *fake) {
		f.handler = func(h queue.Handler) queue.Handler {
			return func(ctx context.Context, j queue.Job) error { return do(ctx, j, h) }
		}
	})
}

func brokenQueues() []brokenQueue {
	return slices.Concat(brokenEnqueues(), brokenHandovers(), brokenDeadLetters(), brokenConsumes(), brokenRest(), brokenOrders(), brokenEnds(), brokenBackends())
}

func brokenEnqueues() []brokenQueue {
	return []brokenQueue{
		{name: "loses one job of many", fails: []string{"many jobs enqueued in one call are all delivered"}, open: faked(func(f *fake) {
			f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
				if len(jobs) > 1 {
					jobs = slices.Delete(slices.Clone(jobs), 1, 2)
				}
				return f.Queue.Enqueue(ctx, jobs...)
			}
		})},
		{name: "adds the valid jobs of an invalid call", fails: []string{"an invalid job is refused and none of the call is added"}, open: faked(func(f *fake) {
			f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
				for _, j := range jobs {
					if err := f.Queue.Enqueue(ctx, j); err != nil {
						return err
					}
				}
				return nil
			}
		})},
		{name: "ignores RunAt", fails: []string{"a job never runs before its time"}, open: onEnqueue(func(j *queue.Job) { j.RunAt = time.Time{} })},
		{name: "loses jobs whose time has passed", fails: []string{"a job whose time has passed runs immediately"}, open: onEnqueue(func(j *queue.Job) {
			if !j.RunAt.IsZero() && j.RunAt.Before(time.Now()) {
				j.RunAt = time.Now().Add(time.Hour)
			}
		})},
		{name: "identifies jobs by id alone", fails: []string{"kind and id together make a job"}, open: faked(func(f *fake) {
			f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
				seen := map[string]bool{}
				jobs = slices.DeleteFunc(slices.Clone(jobs), func(j queue.Job) bool {
					known := seen[j.ID]
					seen[j.ID] = true
					return known
				})
				return f.Queue.Enqueue(ctx, jobs...)
			}
		})},
		{name: "adds every job as new", fails: []string{
			"a waiting job is not added again",
			"a running job is not added again",
			"a job between attempts is not added again",
			"a dead job is not added again",
			"a completed job is not added again within the done window",
			"a hundred concurrent enqueues of one job make one run",
		}, open: admitsAgain},
		{name: "drops metadata", fails: []string{
			"the metadata of a job is that of the Enqueue that added it",
			"a job keeps its metadata through attempts, death and retry",
		}, open: onEnqueue(func(j *queue.Job) { j.Metadata = "" })},
		{name: "cuts metadata", fails: []string{"the metadata of a job is that of the Enqueue that added it"}, open: onEnqueue(func(j *queue.Job) {
			j.Metadata = j.Metadata[:min(len(j.Metadata), 200)]
		})},
		{name: "takes the latest metadata", fails: []string{"the metadata of a job is that of the Enqueue that added it"}, open: latestMetadata},
		{name: "accepts any metadata", fails: []string{"an invalid job is refused and none of the call is added"}, open: onEnqueue(func(j *queue.Job) {
			if j.Metadata != "" {
				j.Metadata = "any"
			}
		})},
		{name: "does not see jobs enqueued while it runs", fails: []string{"a job may be enqueued before and while Consume runs"}, open: deaf},
	}
}

func onEnqueue(change func(j *queue.Job)) func(s Settings) queue.Queue {
	return faked(func(f *fake) {
		f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
			jobs = slices.Clone(jobs)
			for i := range jobs {
				change(&jobs[i])
			}
			return f.Queue.Enqueue(ctx, jobs...)
		}
	})
}

func latestMetadata(s Settings) queue.Queue {
	var latest sync.Map
	f := &fake{Queue: sound(s)}
	f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
		for _, j := range jobs {
			latest.Store(j.Key(), j.Metadata)
		}
		return f.Queue.Enqueue(ctx, jobs...)
	}
	f.handler = func(h queue.Handler) queue.Handler {
		return func(ctx context.Context, j queue.Job) error {
			metadata, _ := latest.Load(j.Key())
			j.Metadata, _ = metadata.(string)
			return h(ctx, j)
		}
	}
	return f
}

func admitsAgain(s Settings) queue.Queue {
	var calls atomic.Int64
	f := &fake{Queue: sound(s)}
	f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
		jobs = slices.Clone(jobs)
		for i := range jobs {
			jobs[i].ID = fmt.Sprintf("%s~%d", jobs[i].ID, calls.Add(1))
		}
		return f.Queue.Enqueue(ctx, jobs...)
	}
	f.handler = func(h queue.Handler) queue.Handler {
		return func(ctx context.Context, j queue.Job) error {
			j.ID, _, _ = strings.Cut(j.ID, "~")
			return h(ctx, j)
		}
	}
	return f
}

func deaf(s Settings) queue.Queue {
	var consuming atomic.Bool
	f := &fake{Queue: sound(s)}
	f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
		if consuming.Load() {
			return nil
		}
		return f.Queue.Enqueue(ctx, jobs...)
	}
	f.consume = func(ctx context.Context, h queue.Handler) error {
		consuming.Store(true)
		return f.Queue.Consume(ctx, h)
	}
	return f
}

func brokenHandovers() []brokenQueue {
	return []brokenQueue{
		{
			name: "counts attempts from zero", fails: []string{"a job is delivered as it was enqueued"},
			open: handled(func(ctx context.Context, j queue.Job, h queue.Handler) error { j.Attempt--; return h(ctx, j) }),
		},
		{
			name: "does not count attempts", fails: []string{"attempts count from one to the last"},
			open: handled(func(ctx context.Context, j queue.Job, h queue.Handler) error { j.Attempt = 1; return h(ctx, j) }),
		},
		{
			name: "retries at once", fails: []string{"a retry waits at least the backoff, which doubles"},
			open: set(func(s *Settings) { s.Retry.Base, s.Retry.Max = 1, 1 }),
		},
		{
			name: "retries permanent errors", fails: []string{"a job with a permanent error is dead at once"},
			open: handled(func(ctx context.Context, j queue.Job, h queue.Handler) error {
				if err := h(ctx, j); err != nil {
					return errors.New(err.Error())
				}
				return nil
			}),
		},
		{
			name: "takes a panic for success", fails: []string{"a panic counts as an error of the attempt"},
			open: handled(func(ctx context.Context, j queue.Job, h queue.Handler) error {
				defer func() { _ = recover() }()
				return h(ctx, j)
			}),
		},
		{
			name: "drops jobs that fail permanently", fails: []string{"every job ends completed or dead"},
			open: handled(func(ctx context.Context, j queue.Job, h queue.Handler) error {
				if err := h(ctx, j); err != nil && !j.Last() {
					return err
				}
				return nil
			}),
		},
		{
			name: "runs each job twice concurrently", fails: []string{"no job runs twice concurrently"},
			open: handled(func(ctx context.Context, j queue.Job, h queue.Handler) error {
				var second sync.WaitGroup
				second.Go(func() { _ = h(ctx, j) })
				defer second.Wait()
				return h(ctx, j)
			}),
		},
		{
			name: "fails jobs that succeed after the drain", fails: []string{"a job that succeeds after its context was cancelled is completed"},
			open: handled(func(ctx context.Context, j queue.Job, h queue.Handler) error {
				return errors.Join(h(ctx, j), ctx.Err())
			}),
		},
		{name: "counts an attempt that the drain has ended", fails: []string{"a job that outlasts the drain timeout is put back and its attempt does not count"}, open: notRefunded},
	}
}

func notRefunded(s Settings) queue.Queue {
	var cut atomic.Int64
	return handled(func(ctx context.Context, j queue.Job, h queue.Handler) error {
		j.Attempt += int(cut.Load())
		err := h(ctx, j)
		if ctx.Err() != nil {
			cut.Store(1)
		}
		return err
	})(s)
}
