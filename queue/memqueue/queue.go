// Package memqueue is a whole job queue in memory, the model for authors of
// a queue. It passes the suite of package queuetest; what it does not have is
// a place to keep the jobs when the process ends.
package memqueue

import (
	"context"
	"log/slog"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

var _ queue.Queue = (*Queue)(nil)

// Options are the settings of a Queue. The zero value is the default.
type Options struct {
	// Workers is the number of jobs that a Consume runs at once; 0 means 10.
	Workers int
	// Retry says how often and when a failed job is tried again.
	Retry queue.Retry
	// DrainTimeout is how long Consume lets running jobs go on when it is to
	// end; 0 means 10 s, less than 0 means not at all.
	DrainTimeout time.Duration
	// DoneWindow is how long a completed job is remembered; 0 means 24 h.
	DoneWindow time.Duration
	// Logger gets a message for each discarded job; nil discards.
	Logger *slog.Logger
}

// Queue is a queue in memory. The zero value is not ready; use [New].
type Queue struct {
	opts Options

	mu      sync.Mutex
	jobs    map[string]*entry // all that the queue knows, by key
	waiting []*entry          // by the time when they may run
	dead    []*entry          // the latest to die is last
	done    []*entry          // the latest to complete is last
	running int64
	deaths  int64         // numbers the dead, so that a cursor stays right
	changed chan struct{} // closed when a job may have become ready
}

// entry is a job and where it is: at is when it may run, died or completed.
type entry struct {
	queue.Job
	state state
	at    time.Time
	err   string
	death int64
}

type state int

const (
	waiting state = iota
	running
	dead
	done
)

// New returns an empty queue.
func New(o *Options) *Queue {
	q := &Queue{jobs: map[string]*entry{}, changed: make(chan struct{})}
	if o != nil {
		q.opts = *o
	}
	if q.opts.Workers <= 0 {
		q.opts.Workers = 10
	}
	if q.opts.DrainTimeout == 0 {
		q.opts.DrainTimeout = 10 * time.Second
	}
	if q.opts.DoneWindow <= 0 {
		q.opts.DoneWindow = 24 * time.Hour
	}
	if q.opts.Logger == nil {
		q.opts.Logger = slog.New(slog.DiscardHandler)
	}
	return q
}

// Enqueue implements [queue.Queue]. All jobs are checked before one is added.
func (q *Queue) Enqueue(ctx context.Context, jobs ...queue.Job) error {
	for _, j := range jobs {
		if err := j.Validate(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget()
	for _, j := range jobs {
		if q.jobs[j.Key()] != nil {
			continue
		}
		e := &entry{Job: queue.Job{Kind: j.Kind, ID: j.ID, RunAt: j.RunAt, Metadata: j.Metadata, MaxAttempts: q.opts.Retry.Attempts()}}
		q.jobs[j.Key()] = e
		q.wait(e, later(j.RunAt, time.Now()))
	}
	return nil
}

// Stats implements [queue.Queue].
func (q *Queue) Stats(ctx context.Context) (queue.Stats, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	ready := q.ready(now)
	s := queue.Stats{
		Waiting: int64(ready),
		Delayed: int64(len(q.waiting) - ready),
		Running: q.running,
		Dead:    int64(len(q.dead)),
	}
	if ready > 0 {
		s.OldestWaiting = now.Sub(q.waiting[0].at)
	}
	return s, ctx.Err()
}

// wait puts e among the waiting jobs, behind those of the same time.
func (q *Queue) wait(e *entry, at time.Time) {
	e.state, e.at = waiting, at
	q.waiting = slices.Insert(q.waiting, q.ready(at), e)
	close(q.changed)
	q.changed = make(chan struct{})
}

// ready counts the waiting jobs that may run at the time.
func (q *Queue) ready(at time.Time) int {
	return sort.Search(len(q.waiting), func(i int) bool { return q.waiting[i].at.After(at) })
}

// forget drops the completed jobs that have left the done window.
func (q *Queue) forget() {
	for len(q.done) > 0 && time.Since(q.done[0].at) > q.opts.DoneWindow {
		delete(q.jobs, q.done[0].Key())
		q.done = q.done[1:]
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
