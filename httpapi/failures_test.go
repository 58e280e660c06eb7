package httpapi_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// sick is a store and a queue that fail at everything.
type sick struct{ err error }

func (s sick) Begin(context.Context, string) (store.Writer, error) { return nil, s.err }
func (s sick) Batch(context.Context, string) (store.Batch, error)  { return store.Batch{}, s.err }
func (s sick) CountBatches(context.Context, int64) (map[store.Status]int64, error) {
	return nil, s.err
}

func (s sick) Batches(context.Context, store.BatchQuery) ([]store.Batch, error) {
	return nil, s.err
}

func (s sick) BatchOfKey(context.Context, string, time.Time) (store.Batch, error) {
	return store.Batch{}, s.err
}

func (s sick) Events(context.Context, string) iter.Seq2[metrics.Event, error] {
	return fails[metrics.Event](s.err)
}

func (s sick) Attachment(context.Context, string, string) iter.Seq2[[]byte, error] {
	return fails[[]byte](s.err)
}

func (s sick) SetStatus(context.Context, string, []store.Status, store.Status, string) error {
	return s.err
}
func (s sick) Pending(context.Context, string) (metrics.Contribution, error) { return nil, s.err }
func (s sick) Record(context.Context, string, metrics.Contribution) error    { return s.err }
func (s sick) DayCounts(context.Context, metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return fails[metrics.DayCount](s.err)
}
func (s sick) DeleteBatch(context.Context, string) error { return s.err }
func (s sick) Prune(context.Context, store.PruneQuery) (store.Pruned, error) {
	return store.Pruned{}, s.err
}
func (s sick) Ping(context.Context) error                                     { return s.err }
func (s sick) Enqueue(context.Context, ...queue.Job) error                    { return s.err }
func (s sick) Consume(context.Context, queue.Handler) error                   { return s.err }
func (s sick) Dead(context.Context, queue.DeadQuery) ([]queue.DeadJob, error) { return nil, s.err }
func (s sick) Retry(context.Context, string) error                            { return s.err }
func (s sick) Discard(context.Context, string, string) error                  { return s.err }
func (s sick) Stats(context.Context) (queue.Stats, error)                     { return queue.Stats{}, s.err }

func fails[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

// serve asks a handler without a server, with a CSV body.
func serve(t *testing.T, api http.Handler, request string, headers ...string) answer {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(header+day8))
	req.Header.Set("Content-Type", "text/csv")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res := httptest.NewRecorder()
	watched(t, api).ServeHTTP(res, req)
	return answer{res.Code, res.Header(), res.Body.String()}
}

func TestFailuresOfBackendsAreProblems(t *testing.T) {
	const batch, dlq = "/batches/0199d2f8-0000-7000-8000-000000000000", "/admin/queues/event-processing/dlq"
	for _, tc := range []struct {
		name   string
		err    error
		status int
		code   httpapi.Code
	}{
		{"broken", errors.New("disk on fire"), http.StatusInternalServerError, httpapi.CodeInternal},
		{"unavailable", store.ErrUnavailable, http.StatusServiceUnavailable, httpapi.CodeBusy},
	} {
		api, err := httpapi.New(eventmetrics.New(sick{tc.err}, sick{tc.err}, nil), &httpapi.Options{Authorize: httpapi.AllowAll})
		if err != nil {
			t.Fatal(err)
		}
		for _, request := range []string{
			"GET /readyz", "POST /uploads", "GET /metrics", "GET /metrics/explain?date=2025-11-08&event_type=a", "GET /batches", "GET /batches?counts=true",
			"GET /batches/events", "GET /admin/queues", "GET /admin/queues/event-processing",
			"GET " + batch, "DELETE " + batch, "GET " + batch + "/errors", "GET " + batch + "/contents", "POST " + batch + "/process",
			"GET " + dlq, "POST " + dlq + "/retry", "POST " + dlq + "/process:1/retry", "DELETE " + dlq + "/process:1",
			"POST /admin/reprocess", "POST /admin/cleanup",
		} {
			t.Run(tc.name+" "+request, func(t *testing.T) {
				status, code := tc.status, tc.code
				switch request {
				case "GET /readyz":
					status, code = http.StatusServiceUnavailable, httpapi.CodeBusy
				case "GET /metrics/explain?date=2025-11-08&event_type=a", "POST /admin/reprocess": // not in every store
					status, code = http.StatusNotImplemented, httpapi.CodeUnsupported
				}
				serve(t, api, request).problem(t, status, code)
			})
		}
	}
}

func TestAFullBackendIsAProblemOfItsOwn(t *testing.T) {
	const batch, dlq = "/batches/0199d2f8-0000-7000-8000-000000000000", "/admin/queues/event-processing/dlq"
	for name, full := range map[string]error{"store": store.ErrFull, "queue": queue.ErrFull} {
		api, err := httpapi.New(eventmetrics.New(sick{full}, sick{full}, nil), &httpapi.Options{Authorize: httpapi.AllowAll})
		if err != nil {
			t.Fatal(err)
		}
		for _, request := range []string{
			"GET /readyz", "POST /uploads", "DELETE " + batch, "POST " + batch + "/process",
			"POST " + dlq + "/retry", "POST " + dlq + "/process:1/retry", "DELETE " + dlq + "/process:1", "POST /admin/cleanup",
		} {
			t.Run(name+" "+request, func(t *testing.T) {
				res := serve(t, api, request)
				res.problem(t, http.StatusInsufficientStorage, httpapi.CodeStorageFull)
				if got := res.header.Get("Retry-After"); got != "60" {
					t.Errorf("Retry-After is %q", got)
				}
			})
		}
	}
}

func TestMalformedQueriesAreRefusedEverywhere(t *testing.T) {
	a := start(t, setup{})
	for _, pattern := range a.handler.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.NewReplacer("{$}", "", "{name}", "event-processing", "{id}", "x").Replace(path)
		a.do(method, path+"?a=%zz", nil).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	}
}

func TestConflicts(t *testing.T) {
	a := start(t, setup{idle: true})
	id := a.csv("/uploads", header+day8).json(t)["batch_id"].(string)
	if res := a.do("POST", "/batches/"+id+"/process", nil, "Prefer", "respond-async"); res.status != http.StatusAccepted {
		t.Errorf("process: %d %s", res.status, res.body)
	}
	if err := a.store.SetStatus(t.Context(), id, []store.Status{store.Queued}, store.Processing, ""); err != nil {
		t.Fatal(err)
	}
	a.do("DELETE", "/batches/"+id, nil).problem(t, http.StatusConflict, httpapi.CodeConflict)
}

// gate is a store that holds new batches back.
type gate struct {
	*memstore.Store
	begun, open chan struct{}
}

func (g *gate) Begin(ctx context.Context, id string) (store.Writer, error) {
	g.begun <- struct{}{}
	<-g.open
	return g.Store.Begin(ctx, id)
}

func TestConcurrentUploadsWithOneKeyAreRefused(t *testing.T) {
	g := &gate{memstore.New(), make(chan struct{}, 2), make(chan struct{})}
	api, err := httpapi.New(eventmetrics.New(g, memqueue.New(nil), nil), &httpapi.Options{Authorize: httpapi.AllowAll})
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan answer, 1)
	go func() { first <- serve(t, api, "POST /uploads", "Idempotency-Key", "k") }()
	<-g.begun
	second := serve(t, api, "POST /uploads", "Idempotency-Key", "k")
	close(g.open)
	second.problem(t, http.StatusConflict, httpapi.CodeInFlight)
	if res := <-first; res.status != http.StatusCreated {
		t.Errorf("first upload: %d %s", res.status, res.body)
	}
}
