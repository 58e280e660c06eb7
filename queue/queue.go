// Package queue defines the job queue interface of eventmetrics.
//
// A [Queue] delivers each job at least once. It keeps a job until it has
// succeeded or an operator discards it. A job carries an id and no data. Its
// kind and id identify it, and the queue has each such pair once.
//
// A job moves between these states:
//
//	          RunAt            Consume          nil
//	delayed ---------> waiting -------> running ----> completed
//	   ^                  ^              | | |
//	   |                  +--------------+ | |
//	   |                   Consume ends    | |
//	   +-----------------------------------+ | error, no attempt left
//	            error, attempts left         v
//	                                        dead
//
// Retry moves a dead job back to waiting, with all its attempts. Discard removes
// it. A [Permanent] error makes a job dead at once. A completed job is remembered
// for the queue's done window, in which it cannot be enqueued again. The window
// begins when the job is completed.
//
// Jobs are taken in the order in which they could run: when they were enqueued,
// at their RunAt, after their backoff, or when they were retried. A job that is
// put back keeps its place. Several workers may start and end jobs in another
// order.
//
// A wait between attempts is a time span. No such job, and no job without RunAt,
// waits longer because a clock was set back or because the processes have
// different clocks.
//
// Packages memqueue, riverqueue and redisqueue implement Queue; memqueue is the
// model for authors of others. Package queuetest has the conformance suite.
package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of every Queue.
var (
	// ErrNotFound means that the queue does not know the job.
	ErrNotFound = errors.New("queue: job not found")
	// ErrBadCursor means that a cursor was not returned by this queue.
	ErrBadCursor = errors.New("queue: bad cursor")
	// ErrNotDead means that the job is known but is not a dead letter.
	ErrNotDead = errors.New("queue: job is not dead")
	// ErrUnavailable means that the queue's backend could not be reached, did
	// not answer in time, or refused the call for now, as with a full disk. The
	// change may have been made or not; the caller may repeat the call later.
	ErrUnavailable = errors.New("queue: unavailable")
	// ErrFull is an ErrUnavailable: the backend has no space or memory left for
	// the change, which was not made.
	ErrFull = fmt.Errorf("%w: no space left", ErrUnavailable)
)

// Queue is a durable job queue. All methods are safe for concurrent use, by
// several processes too if they share the backend. A method whose context has
// ended returns an error that wraps ctx.Err() and not ErrUnavailable.
type Queue interface {
	// Enqueue adds jobs. They are durable when it returns nil. It checks all
	// jobs before it adds the first one. A job that the queue has already, in
	// any state, stays as it is; completed jobs count as such within the queue's
	// done window. After an error some jobs may have been added. It is safe to
	// repeat. Errors: ErrInvalidJob, ErrUnavailable.
	Enqueue(ctx context.Context, jobs ...Job) error

	// Consume calls h with jobs, for several jobs concurrently, and blocks
	// until ctx ends. Several Consumes share the jobs. It survives outages of
	// the backend.
	//
	// When ctx ends, Consume takes no new job. It waits a bounded time for the
	// running ones, whose contexts are still valid, and then cancels their
	// contexts. It waits for h to return, so h should return soon after its
	// context ends. Each job whose context was cancelled and that has not
	// succeeded is put back, and that attempt does not count. An attempt that
	// fails before that counts as always. After that Consume returns nil. It
	// returns an error only if it cannot continue.
	//
	// A panic of h counts as an error of the attempt. If the process dies before
	// h returns, the job runs again. The lost attempt counts, so that a job that
	// kills its process is dead after its last attempt; but not one that did
	// nothing. So the last attempt of a job that has lost its process waits for
	// the backoff, and then runs alone: this Consume calls h with no other job
	// meanwhile. A job is dead because of a lost process only if it ran alone in
	// it; a last attempt that was lost beside others is repeated.
	Consume(ctx context.Context, h Handler) error

	DeadLetters

	// Stats counts the jobs by state. Errors: ErrUnavailable.
	Stats(ctx context.Context) (Stats, error)
}

// DeadLetters are the jobs that failed permanently. They stay until they are
// retried or discarded.
type DeadLetters interface {
	// Dead returns a page of dead jobs, the latest to die first. The slice
	// belongs to the caller. Errors: ErrBadCursor, ErrUnavailable.
	Dead(ctx context.Context, q DeadQuery) ([]DeadJob, error)

	// Retry moves the job with this key from the dead letters to the waiting
	// jobs, with all its attempts. Errors: ErrNotFound if the queue does not
	// have the key; ErrNotDead if the job is in another state, such as after a
	// Retry; ErrUnavailable.
	Retry(ctx context.Context, key string) error

	// Discard removes the job with this key from the dead letters. The reason
	// is for the log. The same kind and id can be enqueued again after that.
	// Errors: ErrNotFound, ErrNotDead, ErrUnavailable.
	Discard(ctx context.Context, key, reason string) error
}

// Handler does one job. If it returns nil, the job is completed. An error fails
// the attempt: the job is retried later, or is dead if that was its last
// attempt or the error is [Permanent].
type Handler func(ctx context.Context, job Job) error

// MaxMetadata is the greatest length of Job.Metadata in bytes.
const MaxMetadata = 256

// Job names a piece of work.
type Job struct {
	// Kind is the kind of work: 2 to 32 of a-z, 0-9, hyphen and underscore.
	Kind string
	// ID identifies what to work on: 1 to 128 bytes of printable ASCII without
	// space.
	ID string
	// RunAt is the earliest time to run the job, by the queue's clock; zero
	// means now.
	RunAt time.Time
	// Metadata is text for the handler, such as a trace context. The queue does
	// not interpret it. The handler and a listing of dead jobs get that of the
	// Enqueue that added the job, in all attempts and retries. At most
	// MaxMetadata bytes of printable ASCII; it may be empty.
	Metadata string

	// Attempt counts from 1. The queue sets it for the handler.
	Attempt int
	// MaxAttempts is the number of attempts that the job has. The queue sets it
	// for the handler.
	MaxAttempts int
}

// Key returns kind:id.
func (j Job) Key() string { return j.Kind + ":" + j.ID }

// Last reports whether no attempt is left after this one.
func (j Job) Last() bool { return j.Attempt >= j.MaxAttempts }

// DeadQuery selects dead letters.
type DeadQuery struct {
	// Cursor is the Cursor of the last job seen; empty starts at the latest.
	Cursor string
	// Limit is the greatest number of jobs to return; 0 means 100, the maximum
	// is 1000.
	Limit int
}

// Size returns Limit with its default and its maximum applied.
func (q DeadQuery) Size() int {
	if q.Limit <= 0 {
		return 100
	}
	return min(q.Limit, 1000)
}

// DeadJob is a job in the dead letters.
type DeadJob struct {
	// Job is the job; its Attempt is the number of attempts made.
	Job
	// Err is the message of the last error, shortened.
	Err string
	// Died is the time of the last error, UTC.
	Died time.Time
	// Failures are the attempts that failed, also those before a Retry, oldest
	// first: the last MaxFailures. The last one has the message Err. Attempts
	// that do not count are not among them.
	Failures []Failure
	// Cursor continues a listing after this job.
	Cursor string
}

// MaxFailures is the greatest number of failures that a dead letter has.
const MaxFailures = 25

// Failure is an attempt of a job that failed.
type Failure struct {
	// Attempt counts from 1, and from 1 again after a Retry.
	Attempt int
	// At is when the attempt began or failed, UTC.
	At time.Time
	// Err is the message of the error, shortened as DeadJob.Err is.
	Err string
}

// Stats counts the jobs of a queue.
type Stats struct {
	// Waiting jobs could run now. A delayed job whose time has come is one.
	Waiting int64
	// Delayed jobs wait for their RunAt or their next attempt.
	Delayed int64
	// Running jobs are with a handler.
	Running int64
	// Dead jobs are in the dead letters.
	Dead int64
	// OldestWaiting is the time that the first waiting job has waited since it
	// could run, 0 if no job waits.
	OldestWaiting time.Duration
}
