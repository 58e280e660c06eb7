package browsertest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

const token = "secret"

// server is what refserver serves, in this process.
type server struct {
	t       *testing.T
	url     string
	handler *httpapi.Handler
	service *eventmetrics.Service
	store   *sqlitestore.Store
	queue   queue.Queue
	http    *httptest.Server
	down    atomic.Bool // cuts every connection
}

type setup struct {
	limiter ratelimit.Limiter
	idle    bool   // no worker runs
	prefix  string // where the handler is mounted
	tokens  func() []httpapi.Token
	service eventmetrics.Options
}

func serve(t *testing.T, s setup) *server {
	t.Helper()
	st, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "events.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	q, err := riverqueue.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	s.service.AuditEvery, s.service.ReprocessEvery = -1, -1
	v := &server{t: t, store: st, queue: q, service: eventmetrics.New(st, q, &s.service)}
	v.handler, err = httpapi.New(v.service, &httpapi.Options{Token: token, Tokens: s.tokens, Limiter: s.limiter})
	if err != nil {
		t.Fatal(err)
	}
	v.http = httptest.NewServer(v.gate(http.StripPrefix(s.prefix, v.handler)))
	t.Cleanup(func() { v.handler.Drain(); v.http.CloseClientConnections(); v.http.Close() })
	v.url = v.http.URL + s.prefix + "/"
	if !s.idle {
		v.work()
	}
	return v
}

// gate cuts every request while the server is down.
func (v *server) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v.down.Load() {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// stop takes the server down, in the middle of its requests.
func (v *server) stop() {
	v.down.Store(true)
	v.http.CloseClientConnections()
}

// work runs the service until the end of the test.
func (v *server) work() {
	ctx, stop := context.WithCancel(context.WithoutCancel(v.t.Context()))
	done := make(chan error, 1)
	go func() { done <- v.service.Run(ctx) }()
	v.t.Cleanup(func() { stop(); <-done })
}

// address returns the address of a page with the token, as the server prints it.
func (v *server) address(query string) string { return v.url + query + "#token=" + token }

const header = "candidate_id,test_id,event_type,timestamp\n"

// upload uploads a file, even if it is a duplicate, and waits until it is
// processed if process is true.
func (v *server) upload(name, content string, process bool) string {
	v.t.Helper()
	receipt, err := v.service.Upload(v.t.Context(), eventmetrics.File{Name: name, Body: strings.NewReader(content), AllowDuplicate: true})
	if err != nil {
		v.t.Fatal(err)
	}
	if !process {
		return receipt.Batch.ID
	}
	if err := v.service.Process(v.t.Context(), receipt.Batch.ID); err != nil {
		v.t.Fatal(err)
	}
	if _, err := v.service.Wait(v.t.Context(), receipt.Batch.ID); err != nil {
		v.t.Fatal(err)
	}
	return receipt.Batch.ID
}

// bury uploads a batch whose job becomes a dead letter. The server must be idle.
func (v *server) bury(name, reason string) string {
	v.t.Helper()
	id := v.upload(name, header+"C1,T1,started,2025-11-08T09:00:00Z\n", false)
	if err := v.service.Process(v.t.Context(), id); err != nil {
		v.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(v.t.Context())
	defer stop()
	err := v.queue.Consume(ctx, func(context.Context, queue.Job) error {
		defer stop()
		return queue.Permanent(errors.New(reason))
	})
	if err != nil {
		v.t.Fatal(err)
	}
	if err := v.service.Reconcile(v.t.Context()); err != nil {
		v.t.Fatal(err)
	}
	return id
}

// rows makes n events of a type, one each minute from start on.
func rows(n int, eventType string, start time.Time) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "C%d,T1,%s,%s\n", i%7, eventType, start.Add(time.Duration(i)*time.Minute).UTC().Format(time.RFC3339))
	}
	return b.String()
}
