package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/eventmetrics/eventmetrics/queue"
)

// operation is what becomes of a job, as work.lua calls it.
type operation string

const (
	complete operation = "complete"
	retry    operation = "retry"
	bury     operation = "bury"
	release  operation = "release"
)

// errGone is the error of a handler that did not return.
var errGone = errors.New("the handler ended its goroutine")

// result is what to store about a job.
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
			r := judge(ctx, h, err)
			c.mu.Lock()
			h.ended = true
			c.mu.Unlock()
			c.active.Add(-1)
			c.results <- r // has room for each worker
		}()
		err = c.call(ctx, h.job)
	})
}

// call runs the handler within the timeout of a job, and makes an error of its
// panic.
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

// judge says what becomes of a job. An attempt that we cut off has not been.
func judge(ctx context.Context, h *held, err error) result {
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

// rank puts what is completed before the rest.
func (r result) rank() int {
	if r.operation == complete {
		return 0
	}
	return 1
}

// args are the arguments of work.lua for a result other than complete.
func (r result) args(q *Queue) []any {
	var a, b any = 0, 0
	switch r.operation {
	case retry:
		a = ceil(q.opts.Retry.Delay(r.job.Attempt))
	case bury:
		a, b = r.job.MaxAttempts, shorten(r.err.Error())
	}
	return []any{r.key, r.owner, r.job.Attempt, string(r.operation), a, b}
}

// shorten keeps the start of a message, in whole characters.
func shorten(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), 1000)], "")
}

// log tells of a stored result that somebody may want to know.
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
