package riverqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/queue"
)

// worker calls the handler with River's jobs and returns its errors to River.
type worker struct {
	river.WorkerDefaults[args]
	handler queue.Handler
	log     *slog.Logger
	jobs    *holdings
	exec    riverdriver.Executor
}

// Work implements [river.Worker].
func (w *worker) Work(ctx context.Context, r *river.Job[args]) error {
	err := w.call(ctx, r.Args.job(r.Attempt, r.MaxAttempts))
	switch {
	case err == nil:
		if err := w.jobs.complete(ctx, w.exec, r.ID); err != nil { // River stores it again
			w.log.WarnContext(ctx, "storing a completed job failed, retrying", "job", r.Args.job(0, 0).Key(), "err", err)
		}
		return nil
	case drained(ctx):
		return context.Canceled // River does not count the attempt then
	case queue.IsPermanent(err):
		return river.JobCancel(shortError(err))
	default:
		return shortError(err)
	}
}

// call calls the handler and returns its panic as an error.
func (w *worker) call(ctx context.Context, job queue.Job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			w.log.ErrorContext(ctx, "job panicked", "job", job.Key(), "attempt", job.Attempt, "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return w.handler(ctx, job)
}

// drained reports whether the end of Consume has ended the context of a job, and
// not its timeout or a River tool.
func drained(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), river.ErrJobCancelledRemotely)
}

// maxMessage is the length in bytes at which the message of an error is cut.
const maxMessage = 1000

// shortError returns an error with the start of the message of err. It does not
// wrap err, since River interprets some errors.
func shortError(err error) error { return errors.New(clip.Text(err.Error(), maxMessage)) }

type retryPolicy struct{ retry queue.Retry }

// NextRetry implements [river.ClientRetryPolicy].
func (p retryPolicy) NextRetry(row *rivertype.JobRow) time.Time {
	return notBefore(time.Now().Add(p.retry.Delay(row.Attempt)))
}
