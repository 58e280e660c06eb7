// Package riverqueue is a job queue on River. By default it is in a SQLite file
// of its own and needs no server.
//
// All jobs have the River kind [Kind]. Their own kind and id are in the
// arguments, {"kind":"process","id":"...","origin":"..."}, where the two are
// unique; origin is the metadata. A dead letter is a job that River has
// discarded (no attempt left) or cancelled (a permanent error, or an operator
// has cancelled it with a River tool). River's cleaner never removes such jobs.
//
// Only one process may consume from a database, unless Options.Shared is
// set. When Consume starts, it puts back the jobs that a lost process has left
// running.
//
// No job that may run at once waits for the clock: not after it was set back, and
// not if processes have different clocks. A failed job waits at most twice its
// backoff then. Only Job.RunAt is a time of the clock.
package riverqueue

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/eventmetrics/eventmetrics/queue"
)

// Kind is the River kind of all jobs.
const Kind = "eventmetrics"

var _ queue.Queue = (*Queue)(nil)

// Options are the settings of a Queue. The zero value is the default.
type Options struct {
	// Name is the River queue that the jobs are in; "" means
	// event-processing.
	Name string
	// Workers is the number of jobs that a Consume runs concurrently; 0 means
	// 10.
	Workers int
	// Retry is how often a failed job is tried, and when.
	Retry queue.Retry
	// JobTimeout is how long an attempt may take. Its context ends then, and
	// the attempt has failed. 0 means 10 min, less than 0 means no limit.
	JobTimeout time.Duration
	// DrainTimeout is how long running jobs may continue after the context of
	// Consume has ended; 0 means 10 s, less than 0 means not at all.
	DrainTimeout time.Duration
	// DoneWindow is how long a completed job is remembered; 0 means 24 h.
	DoneWindow time.Duration
	// Shared means that other processes consume from the same database. The
	// jobs of a lost process are put back a minute after JobTimeout then.
	// Otherwise the first Consume puts back all running jobs at once.
	Shared bool
	// Logger gets the messages of the queue and of River; nil discards them.
	Logger *slog.Logger
	// RiverLevel is the lowest level of River's messages that Logger gets; nil
	// means slog.LevelWarn.
	RiverLevel slog.Leveler
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	d.Name = cmp.Or(d.Name, "event-processing")
	d.Workers = cmp.Or(max(d.Workers, 0), 10)
	d.JobTimeout = cmp.Or(d.JobTimeout, 10*time.Minute)
	d.DrainTimeout = cmp.Or(d.DrainTimeout, 10*time.Second)
	d.DoneWindow = cmp.Or(max(d.DoneWindow, 0), 24*time.Hour)
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.RiverLevel == nil {
		d.RiverLevel = slog.LevelWarn
	}
	return d
}

// Queue is a [queue.Queue] on River. Make one with [Open], [New] or
// [NewDriver].
type Queue struct {
	opts   Options
	driver polled
	idle   *river.Client[*sql.Tx] // adds and manages jobs, runs none
	owned  *sql.DB                // nil if borrowed

	recovery  sync.Mutex
	news      news
	promotion pace // of promote

	mu        sync.Mutex
	consumers []*consumer
	turn      int // counts the calls of waker
	closed    bool
	consuming sync.WaitGroup
}

// New returns a queue in a SQLite database and migrates River's tables in it.
// The caller closes the database after the queue. The database should be opened
// with the data source name that [DSN] returns, and have one connection at most.
// Options may be nil. Errors: [ErrVersion].
func New(ctx context.Context, db *sql.DB, o *Options) (*Queue, error) {
	driver := riversqlite.New(db)
	q, err := NewDriver(driver, o)
	if err != nil {
		return nil, err
	}
	if err := q.migrate(ctx); err != nil {
		return nil, err
	}
	return q, nil
}

// NewDriver returns a queue on any River driver for database/sql. The database
// must have River's tables. The caller closes it after the queue. Options may
// be nil.
func NewDriver(d riverdriver.Driver[*sql.Tx], o *Options) (*Queue, error) {
	q := &Queue{opts: o.withDefaults(), driver: polled{d}}
	idle, err := river.NewClient(q.driver, &river.Config{Logger: q.riverLogger()})
	if err != nil {
		return nil, fmt.Errorf("riverqueue: make client: %w", err)
	}
	q.idle = idle
	q.promotion.news = &q.news
	return q, nil
}

// Close ends every Consume as the end of its context would, and waits for it. It
// closes the database if [Open] has opened it. It is safe to repeat.
func (q *Queue) Close() error {
	q.mu.Lock()
	q.closed = true
	for _, c := range q.consumers {
		c.stop()
	}
	q.mu.Unlock()
	q.consuming.Wait()
	if q.owned == nil {
		return nil
	}
	return q.owned.Close()
}
