package redisqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/queue"
)

var _ queue.Queue = (*Queue)(nil)

// Options are the settings of a Queue. The zero value is the default. All
// processes on a queue should have the same options.
type Options struct {
	// Name is the name of the queue in Redis: at most 100 bytes of printable
	// ASCII without space, braces, and quotes; "" means event-processing.
	Name string
	// Owner identifies the deployment that the queue belongs to: at most 100
	// bytes of printable ASCII without space and quotes. All its processes have
	// the same one. Two deployments on one queue would take each other's jobs,
	// so a queue that has another Owner is refused with [ErrOwner]. "" means
	// not to check.
	Owner string
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
	// Lease is the time after which the jobs of a lost process run again; 0
	// means 30 s. A third of it must be longer than the usual interruptions of
	// Redis, such as a failover.
	Lease time.Duration
	// CallTimeout bounds each call to Redis; 0 means 5 s.
	CallTimeout time.Duration
	// Logger gets the messages of the queue; nil discards them.
	Logger *slog.Logger
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
	d.Lease = cmp.Or(max(d.Lease, 0), 30*time.Second)
	d.CallTimeout = cmp.Or(max(d.CallTimeout, 0), 5*time.Second)
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d
}

// Queue is a [queue.Queue] on Redis. Make one with [Open] or [New].
type Queue struct {
	opts   Options
	client redis.UniversalClient
	script scripts
	keys   []string
	owned  bool // Close closes the client
	heeds  bool // the client honours the deadlines of contexts
	clock  serverClock
	down   atomic.Bool    // Redis was unavailable at the last message about it
	calls  sync.WaitGroup // calls of a client that does not honour deadlines

	mu        sync.Mutex
	stops     map[*consumer]context.CancelFunc
	closed    bool
	consuming sync.WaitGroup
}

// New returns a queue on a client. It does not call Redis. The caller closes the
// client after the queue. Options may be nil. The only error is that of an
// invalid Name or Owner.
//
// The client should have ContextTimeoutEnabled set, and a pool with three
// connections per Consume and one per concurrent call. Without
// ContextTimeoutEnabled each call has a goroutine, so that the call returns in
// time. The goroutine lasts as long as the timeouts and retries of the client;
// Close waits for it.
func New(client redis.UniversalClient, o *Options) (*Queue, error) {
	q := &Queue{
		opts:   o.withDefaults(),
		client: client,
		script: newScripts(),
		heeds:  heeds(client),
		stops:  map[*consumer]context.CancelFunc{},
	}
	if len(q.opts.Name) > 100 || strings.ContainsFunc(q.opts.Name, badInName) {
		return nil, fmt.Errorf("redisqueue: invalid name %.40q", q.opts.Name)
	}
	if len(q.opts.Owner) > 100 || strings.ContainsFunc(q.opts.Owner, badInName) {
		return nil, fmt.Errorf("redisqueue: invalid owner %.40q", q.opts.Owner)
	}
	for _, name := range keyNames() {
		q.keys = append(q.keys, q.key(name))
	}
	return q, nil
}

func badInName(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`{}"'`, r) }

// Close ends every Consume as the end of its context would, and waits for it. It
// closes the client if [Open] has made it. It is safe to repeat.
func (q *Queue) Close() error {
	q.mu.Lock()
	first := !q.closed
	q.closed = true
	for _, stop := range q.stops {
		stop()
	}
	q.mu.Unlock()
	q.consuming.Wait()
	q.calls.Wait()
	if !q.owned || !first {
		return nil
	}
	if err := q.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("redisqueue: close client: %w", err)
	}
	return nil
}

// unreachable and reachable log that Redis is unavailable or available again,
// once per change.
func (q *Queue) unreachable(ctx context.Context, err error) {
	if !q.down.Swap(true) {
		q.opts.Logger.WarnContext(ctx, "queue unavailable", "queue", q.opts.Name, "err", err)
	}
}

func (q *Queue) reachable(ctx context.Context) {
	if q.down.Load() && q.down.Swap(false) {
		q.opts.Logger.InfoContext(ctx, "queue available again", "queue", q.opts.Name)
	}
}
