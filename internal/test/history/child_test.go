package history_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/site"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// This file is the child process: the server that is tested. The others share
// no code with the library.

// order is what a child process is told at its start.
type order struct {
	site.Site

	Dimensions []string
	// Offset is how far its clock is ahead.
	Offset time.Duration
	// Poison are the batches that cannot be processed, with the error.
	Poison map[string]string
}

const orderVariable = "HISTORY_ORDER"

// child is a server that can be asked to misbehave.
type child struct {
	offset atomic.Int64
	fuse   atomic.Int64 // the steps that are left to live; 0 or less means any number
	store  *faulty
	svc    *eventmetrics.Service
}

func (c *child) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// step is called before each change. It kills the process when its time has
// come, as kill -9 does.
func (c *child) step(string) {
	if c.fuse.Load() > 0 && c.fuse.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// serve answers requests until SIGTERM, or until the parent is gone.
func (o *order) serve(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	c := &child{}
	c.offset.Store(int64(o.Offset))
	b, err := site.Open(ctx, &o.Site, &site.Options{
		Step: c.step, Now: c.now, Heartbeat: 250 * time.Millisecond, Retry: queue.Retry{MaxAttempts: 25, Base: 5 * time.Millisecond, Max: 200 * time.Millisecond},
	})
	if err != nil {
		return err
	}
	c.store = &faulty{Store: b.Store, poison: map[string]string{}}
	maps.Copy(c.store.poison, o.Poison)
	c.svc = eventmetrics.New(c.store, b.Queue, c.options(o))
	return errors.Join(c.answer(ctx), b.Close())
}

// options are those under which only the reconciler runs by itself.
func (c *child) options(o *order) *eventmetrics.Options {
	lowest, highest := 0.0, 10.0
	return &eventmetrics.Options{
		Dimensions: o.Dimensions,
		Schemas: map[string]ingest.Schema{"visits": {
			EventType: "kind", Time: "at", EventID: "id", Required: []string{"candidate_id"},
			Rules: []ingest.Rule{{Column: "score", Min: &lowest, Max: &highest, Code: "bad_score", Message: "scores are 0 to 10"}},
		}},
		CleanupEvery: -1, ReprocessEvery: -1, RetainEvery: -1, AuditEvery: -1, ReconcileEvery: 200 * time.Millisecond,
		CleanupTTL: 24 * time.Hour, KeyTTL: 24 * time.Hour,
		Retention: eventmetrics.Retention{Events: 30 * day, Rejected: 10 * day, Batches: 90 * day, Dead: 20 * day},
		Now:       c.now,
		Logger:    logger(),
	}
}

// logger writes errors where the parent reads them.
func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

// answer serves the API, and beside it what only a test may ask.
func (c *child) answer(ctx context.Context) error {
	api, err := httpapi.New(c.svc, &httpapi.Options{Authorize: httpapi.AllowAll, Logger: logger()})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.HandleFunc("POST /-/set", c.set)
	mux.HandleFunc("POST /-/reconcile", c.reconcile)
	mux.HandleFunc("GET /-/events", c.events)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	var running sync.WaitGroup
	var errRun, errServe error
	running.Go(func() { // if one part ends, so does the other
		defer stop()
		errRun = c.svc.Run(ctx)
	})
	running.Go(func() {
		defer stop()
		errServe = server.Serve(l)
	})
	fmt.Printf("http://%s\n", l.Addr())
	<-ctx.Done()
	api.Drain()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err = server.Shutdown(closing)
	running.Wait()
	if errors.Is(errServe, http.ErrServerClosed) {
		errServe = nil
	}
	return errors.Join(err, errRun, errServe)
}

// settings are what the parent changes in a running child.
type settings struct {
	Offset *time.Duration
	Fuse   *int64
	Poison map[string]string // an empty text ends it
	Hold   *bool             // whether nothing is recorded
}

func (c *child) set(w http.ResponseWriter, r *http.Request) {
	var s settings
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.Offset != nil {
		c.offset.Store(int64(*s.Offset))
	}
	if s.Fuse != nil {
		c.fuse.Store(*s.Fuse)
	}
	c.store.set(&s)
}

func (c *child) reconcile(w http.ResponseWriter, r *http.Request) {
	if err := c.svc.Reconcile(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// events answers the raw events of a batch, a JSON object in each line.
func (c *child) events(w http.ResponseWriter, r *http.Request) {
	out := json.NewEncoder(w)
	for e, err := range c.store.Events(r.Context(), r.FormValue("batch")) {
		if errors.Is(err, store.ErrEventsPurged) || errors.Is(err, store.ErrNotFound) {
			http.Error(w, err.Error(), http.StatusGone)
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		line := map[string]string{"": e.Type, "@": e.Time.Format(time.RFC3339Nano), "#": e.ID}
		for _, f := range e.Fields {
			line[f.Name] = f.Value
		}
		_ = out.Encode(line)
	}
}

// faulty is a store that cannot record some batches, or none for a while.
type faulty struct {
	site.Store

	mu     sync.Mutex
	poison map[string]string
	held   chan struct{} // closed when recording goes on; nil while it does
}

// Unwrap lets store.As find the optional interfaces.
func (f *faulty) Unwrap() store.Store { return f.Store }

func (f *faulty) set(s *settings) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, text := range s.Poison {
		f.poison[id] = text
		if text == "" {
			delete(f.poison, id)
		}
	}
	if s.Hold == nil {
		return
	}
	if f.held != nil {
		close(f.held)
		f.held = nil
	}
	if *s.Hold {
		f.held = make(chan struct{})
	}
}

// Record implements [store.Store].
func (f *faulty) Record(ctx context.Context, id string, counts metrics.Contribution) error {
	f.mu.Lock()
	held, text := f.held, f.poison[id]
	f.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if text != "" {
		return queue.Permanent(errors.New(text))
	}
	return f.Store.Record(ctx, id, counts)
}
