package faulttest_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
	"github.com/eventmetrics/eventmetrics/ratelimit/redislimiter"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// patience is how long the store and the queue wait for a backend that is
// away.
const patience = 3 * time.Second

// system is a server with its workers, with its own network to each backend.
type system struct {
	t            *testing.T
	service      *eventmetrics.Service
	audit        *eventmetrics.Service // beside the network, for the recount
	events       *mongostore.Store     // its store
	store        *gated
	limits       *watched
	mongo, redis *network // redis is nil if settings.redisURL is set
	queue        string   // its name
	url          string
	unqueued     atomic.Int64 // uploads whose answer has a process_error
}

// settings are what tests choose.
type settings struct {
	retry      queue.Retry
	lease      time.Duration
	jobTimeout time.Duration
	events     mongostore.EventsLayout
	redisURL   string // without a network before it; "" means a shared server
}

func start(t *testing.T, o settings) *system {
	t.Helper()
	s := &system{t: t}
	var mongoURI string
	plainURI, redisURL := testenv.Mongo(t), o.redisURL
	s.mongo, mongoURI = before(t, plainURI, "directConnection=true")
	if redisURL == "" {
		s.redis, redisURL = before(t, testenv.RedisURL(t), "")
	}
	st, err := mongostore.Open(t.Context(), mongoURI, &mongostore.Options{RetryFor: patience, Events: o.events})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, st.Close) })
	s.store = &gated{Store: st}
	name := testenv.Name(t)
	s.queue = name
	q, err := redisqueue.Open(t.Context(), redisURL, &redisqueue.Options{
		Name: name, Workers: 4, Retry: o.retry, Lease: o.lease, JobTimeout: o.jobTimeout, CallTimeout: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, q.Close) })
	if s.events, err = mongostore.Open(t.Context(), plainURI, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s.events.Close) })
	options := &eventmetrics.Options{ReconcileEvery: time.Second, CleanupEvery: -1, ReprocessEvery: -1, CleanupTTL: time.Nanosecond}
	s.service, s.audit = eventmetrics.New(s.store, q, options), eventmetrics.New(s.events, q, options)
	s.serve(s.limiter(redisURL, name))
	return s
}

// limiter counts on Redis, and locally while Redis is unavailable.
func (s *system) limiter(redisURL, name string) ratelimit.Limiter {
	s.t.Helper()
	const limit, window = 1_000_000, time.Hour
	common, err := redislimiter.Open(redisURL, &redislimiter.Options{Limit: limit, Window: window, Prefix: name + ":limit"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { closed(s.t, common.Close) })
	local, err := memlimiter.New(&memlimiter.Options{Limit: limit, Window: window})
	if err != nil {
		s.t.Fatal(err)
	}
	s.limits = &watched{Limiter: common}
	return ratelimit.Fallback(s.limits, local, &ratelimit.FallbackOptions{Pause: limiterPause})
}

// serve starts the server and the workers.
func (s *system) serve(limiter ratelimit.Limiter) {
	s.t.Helper()
	handler, err := httpapi.New(s.service, &httpapi.Options{Authorize: httpapi.AllowAll, Limiter: limiter, Logger: slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		s.t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	s.url = server.URL
	s.t.Cleanup(server.Close)
	ctx, stop := context.WithCancel(context.WithoutCancel(s.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.service.Run(ctx) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			s.t.Error("Run:", err)
		}
	})
}

func closed(t *testing.T, f func() error) {
	if err := f(); err != nil {
		t.Error(err)
	}
}

// gated is a store that stops jobs in the middle when it is asked to.
type gated struct {
	*mongostore.Store
	gate atomic.Pointer[gate]
}

// gate holds every job that reaches it until it is opened.
type gate struct {
	reached chan string // ids of batches
	opened  chan struct{}
}

func newGate() *gate { return &gate{reached: make(chan string, 100), opened: make(chan struct{})} }

// Record implements [store.Store].
func (g *gated) Record(ctx context.Context, id string, c metrics.Contribution) error {
	if gate := g.gate.Load(); gate != nil {
		gate.reached <- id
		select {
		case <-gate.opened:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g.Store.Record(ctx, id, c)
}

// limiterPause is how long the limiter leaves Redis alone after a failure.
const limiterPause = time.Second

// watched counts what Redis is asked by the limiter, and what it answers.
type watched struct {
	ratelimit.Limiter
	asked, answered atomic.Int64
}

// Allow implements [ratelimit.Limiter].
func (w *watched) Allow(ctx context.Context, key string) (ratelimit.Decision, error) {
	w.asked.Add(1)
	d, err := w.Limiter.Allow(ctx, key)
	if err == nil {
		w.answered.Add(1)
	}
	return d, err
}
