package riverqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/eventmetrics/eventmetrics/queue"
)

// worker hands River's jobs to the handler and its answers to River.
type worker struct {
	river.WorkerDefaults[args]
	handler queue.Handler
	log     *slog.Logger
}

// Work implements [river.Worker].
func (w *worker) Work(ctx context.Context, r *river.Job[args]) error {
	err := w.call(ctx, r.Args.job(r.Attempt, r.MaxAttempts))
	switch {
	case err == nil:
		return nil
	case drained(ctx):
		return context.Canceled // River takes it as an attempt that was not
	case queue.IsPermanent(err):
		return river.JobCancel(shortError(err))
	default:
		return shortError(err)
	}
}

// call runs the handler and makes an error of its panic.
func (w *worker) call(ctx context.Context, job queue.Job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			w.log.ErrorContext(ctx, "job panicked", "job", job.Key(), "attempt", job.Attempt, "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return w.handler(ctx, job)
}

// drained reports whether the context of a job was ended by the end of
// Consume, and not by its timeout or with a River tool.
func drained(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), river.ErrJobCancelledRemotely)
}

// shortError is what of an error is kept. It also hides errors that mean
// something to River.
func shortError(err error) error { return errors.New(shorten(err.Error())) }

// shorten keeps the start of a message, in whole characters.
func shorten(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), 1000)], "")
}

type retryPolicy struct{ retry queue.Retry }

// NextRetry implements [river.ClientRetryPolicy].
func (p retryPolicy) NextRetry(row *rivertype.JobRow) time.Time {
	return notBefore(time.Now().Add(p.retry.Delay(row.Attempt)))
}
