package queuetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func brokenDeadLetters() []brokenQueue {
	return []brokenQueue{
		{name: "lists the oldest dead letter first", fails: []string{"dead letters are listed latest first"}, open: onDead(func(_ queue.DeadQuery, list []queue.DeadJob) []queue.DeadJob {
			slices.Reverse(list)
			return list
		})},
		{name: "skips a dead letter at a page break", fails: []string{"a cursor continues the listing without loss"}, open: onDead(func(q queue.DeadQuery, list []queue.DeadJob) []queue.DeadJob {
			if q.Cursor != "" {
				return list[1:]
			}
			return list
		})},
		{name: "repeats a dead letter at a page break", fails: []string{"a cursor continues the listing without loss"}, open: repeats},
		{name: "starts again at a cursor that it cannot read", fails: []string{"an unknown cursor is refused"}, open: faked(func(f *fake) {
			f.dead = func(ctx context.Context, q queue.DeadQuery) ([]queue.DeadJob, error) {
				list, err := f.Queue.Dead(ctx, q)
				if errors.Is(err, queue.ErrBadCursor) {
					return f.Queue.Dead(ctx, queue.DeadQuery{Limit: q.Limit})
				}
				return list, err
			}
		})},
		{name: "keeps no message", fails: []string{"the error of a dead letter is its message, shortened"}, open: onDead(func(_ queue.DeadQuery, list []queue.DeadJob) []queue.DeadJob {
			for i := range list {
				list[i].Err = "error"
			}
			return list
		})},
		{
			name: "lists dead letters without their metadata", fails: []string{"a job keeps its metadata through attempts, death and retry"},
			open: onDead(func(_ queue.DeadQuery, list []queue.DeadJob) []queue.DeadJob {
				for i := range list {
					list[i].Metadata = ""
				}
				return list
			}),
		},
		{
			name: "loses the metadata after an attempt", fails: []string{"a job keeps its metadata through attempts, death and retry"},
			open: handled(func(ctx context.Context, j queue.Job, h queue.Handler) error {
				if j.Attempt > 1 {
					j.Metadata = ""
				}
				return h(ctx, j)
			}),
		},
		{name: "keeps whole messages", fails: []string{"the error of a dead letter is its message, shortened"}, open: wholeMessages},
		{
			name: "keeps only the last failure", fails: []string{"a dead letter has the number, time and error of each attempt, oldest first"},
			open: onFailures(func(f []queue.Failure) []queue.Failure { return f[len(f)-1:] }),
		},
		{
			name: "lists the latest failure first", fails: []string{"a dead letter has the number, time and error of each attempt, oldest first"},
			open: onFailures(func(f []queue.Failure) []queue.Failure { slices.Reverse(f); return f }),
		},
		{
			name: "has one time for all failures", fails: []string{"a dead letter has the number, time and error of each attempt, oldest first"},
			open: onFailures(func(f []queue.Failure) []queue.Failure {
				for i := range f {
					f[i].At = time.Unix(0, 0).UTC()
				}
				return f
			}),
		},
		{
			name: "keeps whole messages of failures", fails: []string{"a dead letter has the number, time and error of each attempt, oldest first"},
			open: onFailures(func(f []queue.Failure) []queue.Failure {
				f[0].Err += strings.Repeat(" and so on", 10_000)
				return f
			}),
		},
		{
			name: "forgets the failures before a retry", fails: []string{"a dead letter keeps the last failures, and those before a retry"},
			open: onFailures(func(f []queue.Failure) []queue.Failure {
				for i := len(f) - 1; i > 0; i-- {
					if f[i].Attempt == 1 {
						return f[i:]
					}
				}
				return f
			}),
		},
		{
			name: "keeps the first failures", fails: []string{"a dead letter keeps the last failures, and those before a retry"},
			open: onFailures(func(f []queue.Failure) []queue.Failure { return f[:min(len(f), 24)] }),
		},
		{
			name: "has a failure of an attempt that does not count", fails: []string{"a failure is that of an attempt that counts"},
			open: onFailures(func(f []queue.Failure) []queue.Failure { return slices.Insert(f, 0, f[0]) }),
		},
		{name: "trims the dead letters", fails: []string{"dead letters stay while other jobs run"}, open: faked(func(f *fake) {
			f.consume = func(ctx context.Context, h queue.Handler) error {
				list, _ := f.Queue.Dead(ctx, queue.DeadQuery{})
				for _, d := range list {
					_ = f.Queue.Discard(ctx, d.Key(), "too many")
				}
				return f.Queue.Consume(ctx, h)
			}
		})},
		{name: "gives a retried job one attempt", fails: []string{"a retried dead letter has all its attempts again"}, open: oneAttempt},
		{name: "retries what is not dead", fails: []string{"of many retries of one dead letter one succeeds", "only dead letters are retried or discarded"}, open: faked(func(f *fake) {
			f.retry = func(ctx context.Context, key string) error {
				if err := f.Queue.Retry(ctx, key); !errors.Is(err, queue.ErrNotDead) {
					return err
				}
				return nil
			}
		})},
		{name: "returns one error for unknown and not dead", fails: []string{"only dead letters are retried or discarded"}, open: faked(func(f *fake) {
			f.discard = func(ctx context.Context, key, reason string) error {
				if f.Queue.Discard(ctx, key, reason) != nil {
					return queue.ErrNotFound
				}
				return nil
			}
		})},
		{name: "does not discard", fails: []string{"a discarded job may be enqueued again"}, open: faked(func(f *fake) {
			f.discard = func(context.Context, string, string) error { return nil }
		})},
	}
}

func onDead(change func(q queue.DeadQuery, list []queue.DeadJob) []queue.DeadJob) func(s Settings) queue.Queue {
	return faked(func(f *fake) {
		f.dead = func(ctx context.Context, q queue.DeadQuery) ([]queue.DeadJob, error) {
			list, err := f.Queue.Dead(ctx, q)
			if err != nil {
				return nil, err
			}
			return change(q, list), nil
		}
	})
}

// onFailures changes the failures of each dead letter.
func onFailures(change func([]queue.Failure) []queue.Failure) func(s Settings) queue.Queue {
	return onDead(func(_ queue.DeadQuery, list []queue.DeadJob) []queue.DeadJob {
		for i := range list {
			list[i].Failures = change(list[i].Failures)
		}
		return list
	})
}

// repeats lets the cursor of a job continue with that job itself.
func repeats(s Settings) queue.Queue {
	return onDead(func(_ queue.DeadQuery, list []queue.DeadJob) []queue.DeadJob {
		for i := len(list) - 1; i > 0; i-- {
			list[i].Cursor = list[i-1].Cursor
		}
		return list
	})(s)
}

func wholeMessages(s Settings) queue.Queue {
	var messages sync.Map
	f := &fake{Queue: sound(s)}
	f.handler = func(h queue.Handler) queue.Handler {
		return func(ctx context.Context, j queue.Job) error {
			err := h(ctx, j)
			if err != nil {
				messages.Store(j.Key(), err.Error())
			}
			return err
		}
	}
	f.dead = func(ctx context.Context, q queue.DeadQuery) ([]queue.DeadJob, error) {
		list, err := f.Queue.Dead(ctx, q)
		for i := range list {
			m, _ := messages.Load(list[i].Key())
			list[i].Err, _ = m.(string)
		}
		return list, err
	}
	return f
}

func oneAttempt(s Settings) queue.Queue {
	var retried atomic.Bool
	f := &fake{Queue: sound(s)}
	f.retry = func(ctx context.Context, key string) error {
		retried.Store(true)
		return f.Queue.Retry(ctx, key)
	}
	f.handler = func(h queue.Handler) queue.Handler {
		return func(ctx context.Context, j queue.Job) error {
			if retried.Load() {
				j.Attempt = j.MaxAttempts
				if err := h(ctx, j); err != nil {
					return queue.Permanent(err)
				}
				return nil
			}
			return h(ctx, j)
		}
	}
	return f
}

func brokenConsumes() []brokenQueue {
	return []brokenQueue{
		{
			name: "cancels running jobs at once", fails: []string{"running jobs may finish when the context of Consume ends"},
			open: set(func(s *Settings) { s.DrainTimeout = -1 }),
		},
		{name: "does not wait for running jobs", fails: []string{"running jobs may finish when the context of Consume ends"}, open: faked(func(f *fake) {
			f.consume = func(ctx context.Context, h queue.Handler) error {
				go func() { _ = f.Queue.Consume(ctx, h) }()
				<-ctx.Done()
				return nil
			}
		})},
		{name: "does not cancel jobs that outlast the drain", fails: []string{
			"a job that outlasts the drain timeout is put back and its attempt does not count",
			"a job that succeeds after its context was cancelled is completed",
		}, open: set(func(s *Settings) { s.DrainTimeout = time.Hour })},
		{name: "ends late", fails: []string{
			"no job is taken when the context of Consume ends",
			"Consume with a context that has ended returns nil and takes no job",
		}, open: faked(func(f *fake) {
			f.consume = func(ctx context.Context, h queue.Handler) error {
				late, cancel := context.WithCancel(context.WithoutCancel(ctx))
				defer cancel()
				defer context.AfterFunc(ctx, func() { time.AfterFunc(300*time.Millisecond, cancel) })()
				return f.Queue.Consume(late, h)
			}
		})},
		{name: "returns the error of the context", fails: []string{
			"Consume with a context that has ended returns nil and takes no job",
			"Consume may be called again after it has returned",
		}, open: faked(func(f *fake) {
			f.consume = func(ctx context.Context, h queue.Handler) error {
				return errors.Join(f.Queue.Consume(ctx, h), ctx.Err())
			}
		})},
		{
			name: "runs more jobs than configured", fails: []string{"one Consume runs as many jobs concurrently as configured"},
			open: set(func(s *Settings) { s.Workers++ }),
		},
		{
			name: "runs fewer jobs than configured", fails: []string{"one Consume runs as many jobs concurrently as configured"},
			open: set(func(s *Settings) { s.Workers-- }),
		},
		{name: "runs one Consume after the other", fails: []string{"concurrent Consumes share the jobs"}, open: faked(func(f *fake) {
			var mu sync.Mutex
			f.consume = func(ctx context.Context, h queue.Handler) error {
				mu.Lock()
				defer mu.Unlock()
				return f.Queue.Consume(ctx, h)
			}
		})},
		{name: "consumes only once", fails: []string{"Consume may be called again after it has returned"}, open: faked(func(f *fake) {
			var calls atomic.Int64
			f.consume = func(ctx context.Context, h queue.Handler) error {
				if calls.Add(1) == 1 {
					return f.Queue.Consume(ctx, h)
				}
				<-ctx.Done()
				return nil
			}
		})},
	}
}

func brokenRest() []brokenQueue {
	empty := func(_ queue.Queue, s Settings) queue.Queue { return sound(s) }
	return []brokenQueue{
		{
			name: "does not count delayed jobs", fails: []string{"Stats counts the jobs in each state"},
			open: faked(func(f *fake) { f.stats = func(s *queue.Stats) { s.Delayed = 0 } }),
		},
		{
			name: "has no ages", fails: []string{"Stats has the age of the job that has waited longest"},
			open: faked(func(f *fake) { f.stats = func(s *queue.Stats) { s.OldestWaiting = 0 } }),
		},
		{name: "enqueues with an ended context", fails: []string{"a method whose context has ended returns an error and changes nothing"}, open: faked(func(f *fake) {
			f.enqueue = func(ctx context.Context, jobs []queue.Job) error {
				return f.Queue.Enqueue(context.WithoutCancel(ctx), jobs...)
			}
		})},
		{
			name: "remembers completed jobs permanently", fails: []string{"a completed job is added again after the done window"},
			open: set(func(s *Settings) { s.DoneWindow = 0 }),
		},
		{
			name: "forgets completed jobs early", fails: []string{"a completed job is added again after the done window"},
			open: set(func(s *Settings) { s.DoneWindow /= 10 }),
		},
		{name: "loses all in a crash", fails: []string{
			"a lost process loses no job",
			"dead and completed jobs are remembered after a crash",
		}, open: sound, reopen: empty},
		{name: "does not sync its file", fails: []string{"jobs survive a loss of power right after each call"}, open: sound, change: func(h *Harness) {
			h.PowerCut = func(_ *testing.T, s Settings) (queue.Queue, func() queue.Queue) {
				return sound(s), func() queue.Queue { return sound(s) }
			}
		}},
		{name: "runs lost jobs beside each other", fails: []string{
			"a job that kills its process takes no other job with it",
		}, open: sound, reopen: besideEachOther},
		{name: "buries all jobs of a lost process", fails: []string{
			"a job that kills its process takes no other job with it",
		}, open: sound, reopen: buriesAll},
		{name: "does not count lost attempts", fails: []string{
			"a job that kills its process is dead after its last attempt",
		}, open: sound, reopen: func(_ queue.Queue, s Settings) queue.Queue {
			q := sound(s)
			_ = q.Enqueue(context.Background(), theJob)
			return q
		}},
	}
}

// besideEachOther has all jobs of a lost process run again, beside each other.
func besideEachOther(_ queue.Queue, s Settings) queue.Queue {
	q := sound(s)
	_ = q.Enqueue(context.Background(), killerAndOthers()...)
	return q
}

// buriesAll makes all jobs of a lost process dead letters.
func buriesAll(_ queue.Queue, s Settings) queue.Queue {
	q := besideEachOther(nil, s)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var left atomic.Int64
	left.Store(int64(len(killerAndOthers())))
	_ = q.Consume(ctx, func(context.Context, queue.Job) error {
		if left.Add(-1) == 0 {
			cancel()
		}
		return queue.Permanent(errJob)
	})
	return q
}
