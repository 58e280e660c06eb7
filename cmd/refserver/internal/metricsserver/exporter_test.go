package metricsserver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/metricsserver"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// faulty is a store and a queue that may be unavailable.
type faulty struct {
	store.Store
	queue.Queue
	err error
}

func (f faulty) Ping(context.Context) error { return f.err }

func (f faulty) Stats(ctx context.Context) (queue.Stats, error) {
	s, _ := f.Queue.Stats(ctx)
	return s, f.err
}

func TestMetricsAreServed(t *testing.T) {
	for name, tc := range map[string]struct {
		err      error
		has, not []string
	}{
		"available backends": {nil, []string{
			`eventmetrics_backend_up{backend="store"} 1`, `eventmetrics_backend_up{backend="queue"} 1`,
			`eventmetrics_queue_jobs{state="dead"} 0`, "go_goroutines ",
			`eventmetrics_upload_duration_seconds_count{outcome="stored"} 1`,
		}, []string{"otel_scope", "target_info"}},
		"unavailable backends": {store.ErrUnavailable, []string{
			`eventmetrics_backend_up{backend="store"} 0`, `eventmetrics_backend_up{backend="queue"} 0`,
			`eventmetrics_upload_duration_seconds_count{outcome="stored"} 1`,
		}, []string{"eventmetrics_queue_jobs"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := faulty{memstore.New(), memqueue.New(nil), tc.err}
			e, err := metricsserver.New(b, "v1.2.3")
			if err != nil {
				t.Fatal(err)
			}
			service := eventmetrics.New(b, b, &eventmetrics.Options{MeterProvider: e.MeterProvider()})
			if err := e.WatchQueue(service); err != nil {
				t.Fatal(err)
			}
			const content = "candidate_id,test_id,event_type,timestamp\nC1,T1,a,2025-11-08\n"
			if _, err := service.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(content)}); err != nil {
				t.Fatal(err)
			}
			res := httptest.NewRecorder()
			e.Handler(http.NotFoundHandler()).ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
			if res.Code != http.StatusOK {
				t.Fatalf("%d %s", res.Code, res.Body)
			}
			for _, line := range tc.has {
				if !strings.Contains(res.Body.String(), "\n"+line) {
					t.Errorf("no line %s", line)
				}
			}
			for _, text := range tc.not {
				if strings.Contains(res.Body.String(), text) {
					t.Errorf("unexpected %s", text)
				}
			}
			if t.Failed() {
				t.Log(res.Body)
			}
		})
	}
}

func TestProfilesAreServed(t *testing.T) {
	e, err := metricsserver.New(memstore.New(), "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/symbol"} {
		res := httptest.NewRecorder()
		e.Handler(http.NotFoundHandler()).ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if res.Code != http.StatusOK {
			t.Errorf("%s: %d", path, res.Code)
		}
	}
}
