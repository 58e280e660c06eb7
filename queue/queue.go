// Package queue says what eventmetrics needs from a job queue.
//
// A [Queue] delivers each job at least once and keeps it until it has
// succeeded or is in the dead letters. Jobs carry an id, never data; a job is
// known by its kind and id, and the queue admits each such pair once.
//
// Package queuetest has the conformance suite for authors of queues.
package queue

import (
	"context"
	"errors"
	"time"
)

// Errors of every Queue.
var (
	// ErrNotFound means that the queue does not know the job.
	ErrNotFound = errors.New("queue: job not found")
	// ErrBadCursor means that a cursor is of no listing of this queue.
	ErrBadCursor = errors.New("queue: bad cursor")
	// ErrNotDead means that the job is known but is not a dead letter.
	ErrNotDead = errors.New("queue: job is not dead")
	// ErrUnavailable means that what the queue is kept in could not be reached,
	// or could not serve, in time. Nothing is known about the change; the call
	// may be repeated later.
	ErrUnavailable = errors.New("queue: unavailable")
)

// Queue is a durable job queue. All methods are safe for concurrent use, by
// several processes too if what the queue is kept in is shared.
type Queue interface {
	// Enqueue adds jobs; they are durable once it returns nil. All are checked
	// before one is added. A job whose kind and id the queue has already, be it
	// waiting, running, between attempts, dead, or done within the queue's done
	// window, is left as it is. After an error some jobs may have been added;
	// it is safe to repeat. Errors: ErrInvalidJob.
	Enqueue(ctx context.Context, jobs ...Job) error

	// Consume hands jobs to h, several at a time, and blocks until ctx ends;
	// then it takes no new job, waits a bounded time for the running ones
	// while their contexts go on, cancels the contexts of the rest, and puts
	// back each job that still has not succeeded, as if that attempt had not
	// been. It returns nil after that, and an error only if it could not go
	// on. A job is handed over again if the process dies before h returns, and
	// that attempt counts, so that a job that kills its process ends dead. A
	// panic of h counts as an error of that attempt. h should return soon
	// after its context ends, since Consume waits for it. Several Consumes,
	// one after the other or at once, share the jobs.
	Consume(ctx context.Context, h Handler) error

	DeadLetters

	// Stats counts the jobs.
	Stats(ctx context.Context) (Stats, error)
}

// DeadLetters are the jobs that failed for good. They stay until they are
// retried or discarded; a queue never removes one by itself.
type DeadLetters interface {
	// Dead returns dead jobs, the latest to die first. The slice belongs to
	// the caller. Errors: ErrBadCursor.
	Dead(ctx context.Context, q DeadQuery) ([]DeadJob, error)

	// Retry takes the job with this key out of the dead letters and puts it in
	// the queue again, with all its attempts. Errors: ErrNotFound if the queue
	// does not know the key, ErrNotDead if the job is in another state, such
	// as after a Retry.
	Retry(ctx context.Context, key string) error

	// Discard removes the job with this key from the dead letters. The reason
	// is for the log. Afterwards the same kind and id may be enqueued anew.
	// Errors: ErrNotFound, ErrNotDead.
	Discard(ctx context.Context, key, reason string) error
}

// Handler does one job. A nil return completes the job; an error fails the
// attempt: the job is retried later, or is dead if that was its last attempt
// or the error is [Permanent].
type Handler func(ctx context.Context, job Job) error

// MaxMetadata is the greatest length of Job.Metadata in bytes.
const MaxMetadata = 256

// Job names a piece of work.
type Job struct {
	// Kind is the sort of work: 2 to 32 of a-z, 0-9, hyphen and underscore.
	Kind string
	// ID says what to work on: 1 to 128 bytes of printable ASCII without
	// space.
	ID string
	// RunAt is the earliest time to run the job, never early by the queue's
	// clock; zero means now.
	RunAt time.Time
	// Origin says what asked for the job, for logs and traces. It means
	// nothing to the queue, which hands it over with the job and lists it
	// with the dead one: that of the Enqueue that added the job, through all
	// attempts and retries. At most MaxMetadata bytes of printable ASCII; it may
	// be empty.
	Metadata string

	// Attempt counts from 1; the queue sets it when it hands the job over.
	Attempt int
	// MaxAttempts is the number of attempts that the job has; the queue sets
	// it when it hands the job over.
	MaxAttempts int
}

// Key returns the kind and id in one word: kind:id.
func (j Job) Key() string { return j.Kind + ":" + j.ID }

// Last reports whether no attempt is left after this one.
func (j Job) Last() bool { return j.Attempt >= j.MaxAttempts }

// DeadQuery selects dead letters.
type DeadQuery struct {
	// Cursor is the Cursor of the last job seen; empty starts at the latest.
	Cursor string
	// Limit is the greatest number to return; 0 means 100, at most 1000.
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
	// Cursor continues a listing after this job.
	Cursor string
}

// Stats counts the jobs of a queue.
type Stats struct {
	// Waiting jobs could run now.
	Waiting int64
	// Delayed jobs wait for their time, be it the first or a retry.
	Delayed int64
	// Running jobs are being worked on.
	Running int64
	// Dead jobs are in the dead letters.
	Dead int64
	// OldestWaiting is the age of the job that has waited longest, 0 if none.
	OldestWaiting time.Duration
}
