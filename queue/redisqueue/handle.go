package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/queue"
)

// operation is what follows an attempt, by its name in work.lua.
type operation string

const (
	complete operation = "complete"
	retry    operation = "retry"
	bury     operation = "bury"
	release  operation = "release"
)

// errGone is the error of a handler that did not return.
var errGone = errors.New("the handler ended its goroutine")

// result is the result of an attempt, to be stored.
type result struct {
	*held
	operation
	err error
}

// start runs the handler for a job.
func (c *consumer) start(work context.Context, h *held) {
	ctx, cancel := context.WithCancelCause(work)
	c.hold(h, cancel)
	c.active.Add(1)
	c.handlers.Go(func() {
		defer cancel(nil)
		err := errGone
		defer func() {
			r := resultOf(ctx, h, err)
			c.mu.Lock()
			h.ended = true
			c.mu.Unlock()
			c.active.Add(-1)
			c.results <- r // its buffer has room for each worker
		}()
		err = c.call(ctx, h.job)
	})
}

// call calls the handler with the timeout of a job, and returns its panic as an
// error.
func (c *consumer) call(ctx context.Context, job queue.Job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			c.q.opts.Logger.ErrorContext(ctx, "job panicked", "job", job.Key(), "attempt", job.Attempt, "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if limit := c.q.opts.JobTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return c.handler(ctx, job)
}

// resultOf returns the result of an attempt that ended with err. If the context of
// the handlers has ended, the attempt does not count.
func resultOf(ctx context.Context, h *held, err error) result {
	switch {
	case err == nil:
		return result{h, complete, nil}
	case ctx.Err() != nil:
		return result{h, release, err}
	case h.job.Last() || queue.IsPermanent(err):
		return result{h, bury, err}
	default:
		return result{h, retry, err}
	}
}

// rank orders completed jobs before others.
func (r result) rank() int {
	if r.operation == complete {
		return 0
	}
	return 1
}

// args returns the arguments of work.lua for a result other than complete.
func (r result) args(q *Queue) []any {
	var a, b any = 0, 0
	switch r.operation {
	case retry:
		a, b = ceil(q.opts.Retry.Delay(r.job.Attempt)), clip.Text(r.err.Error(), maxMessage)
	case bury:
		a, b = r.job.MaxAttempts, clip.Text(r.err.Error(), maxMessage)
	}
	return []any{r.key, r.owner, r.job.Attempt, string(r.operation), a, b}
}

// maxMessage is the length in bytes at which the error of an attempt is cut.
const maxMessage = 1000

// log logs a stored result other than complete.
func (r result) log(ctx context.Context, q *Queue) {
	switch r.operation {
	case retry:
		q.opts.Logger.WarnContext(ctx, "attempt failed", "job", r.key, "attempt", r.job.Attempt, "err", r.err)
	case bury:
		q.opts.Logger.ErrorContext(ctx, "job is dead", "job", r.key, "attempt", r.job.Attempt, "err", r.err)
	case release:
		q.opts.Logger.InfoContext(ctx, "job put back", "job", r.key, "attempt", r.job.Attempt)
	}
}
