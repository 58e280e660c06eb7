// Package memqueue is a job queue in memory. It is meant for tests, and as the
// model for authors of queues: it follows every rule of package queue in the
// simplest way, and passes the suite of package queuetest. Only one thing is
// missing: its jobs end with the process.
//
// To write a queue on another backend, read it in this order:
//
//  1. [Queue] and entry, in queue.go: each job is in the map by key, which makes
//     Enqueue add it once, and in one list of its state. A durable queue stores
//     the same: a unique key, a state, and the time by which a state is sorted.
//  2. [Queue.Enqueue]: it checks all jobs, then adds those that are not there.
//     Note what it ignores: Attempt and MaxAttempts are the queue's to set.
//  3. [Queue.Consume], in consume.go: each worker loops over next, call, finish.
//     There are two contexts: that of Consume, whose end means to take no more,
//     and that of the handlers, which goes on for the drain timeout.
//  4. finish: the one place that decides what follows an attempt. A durable
//     queue must also check here that the job is still its own.
//  5. [Queue.Dead], [Queue.Retry] and [Queue.Discard], in dead.go: each death has
//     a number, which is the cursor, so that a listing stays right while jobs
//     leave the dead letters.
//
// What a durable queue has to add: jobs whose process was lost run again, with
// that attempt counted, and their last attempt runs alone; errors of the backend are a queue.ErrUnavailable, and a
// Consume survives them; a process learns of jobs that another has enqueued.
// Package redisqueue does so with leases, riverqueue by recovery at the start.
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
	// Workers is the number of jobs that a Consume runs concurrently; 0 means
	// 10.
	Workers int
	// Retry is how often a failed job is tried, and when.
	Retry queue.Retry
	// DrainTimeout is how long running jobs may continue after the context of
	// Consume has ended; 0 means 10 s, less than 0 means not at all.
	DrainTimeout time.Duration
	// DoneWindow is how long a completed job is remembered; 0 means 24 h.
	DoneWindow time.Duration
	// Logger gets a message for each discarded job; nil discards them.
	Logger *slog.Logger
}

// Queue is a [queue.Queue] in memory. The zero value is not ready; use [New].
type Queue struct {
	opts Options

	mu      sync.Mutex
	jobs    map[string]*entry // all jobs, by key
	waiting []*entry          // and delayed, ascending by the time when they may run
	dead    []*entry          // the latest to die is last
	done    []*entry          // the latest to complete is last
	running int64             // number of running jobs
	deaths  int64             // number of the last death
	changed chan struct{}     // closed when a job may have become ready
}

// entry is a job in the queue.
type entry struct {
	queue.Job
	state state
	at    time.Time // when it may run, died or was completed
	death int64     // of a dead job: its number, which is the cursor

	failures []queue.Failure // the last ones, the latest is last
}

// state is the list that an entry is in. Delayed jobs are among the waiting.
type state int

const (
	waiting state = iota
	running
	dead
	done
)

// New returns an empty queue. Options may be nil.
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

// Enqueue implements [queue.Queue].
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
	q.removeDone()
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

// wait puts e among the waiting jobs, after those with the same time, and wakes
// all workers.
func (q *Queue) wait(e *entry, at time.Time) {
	e.at = at
	q.insert(q.ready(at), e)
}

// putBack puts a job that was taken among the waiting jobs again, before those
// with the same time.
func (q *Queue) putBack(e *entry) {
	q.insert(sort.Search(len(q.waiting), func(i int) bool { return !q.waiting[i].at.Before(e.at) }), e)
}

func (q *Queue) insert(place int, e *entry) {
	e.state = waiting
	q.waiting = slices.Insert(q.waiting, place, e)
	close(q.changed)
	q.changed = make(chan struct{})
}

// ready returns the number of waiting jobs that may run at a time.
func (q *Queue) ready(at time.Time) int {
	return sort.Search(len(q.waiting), func(i int) bool { return q.waiting[i].at.After(at) })
}

// removeDone removes the jobs that were completed before the done window.
func (q *Queue) removeDone() {
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
