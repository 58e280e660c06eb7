package httpapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/internal/test/syncbuf"
)

// requestIDs returns the request ids of the lines of a log by message.
func requestIDs(t *testing.T, log *syncbuf.Buffer) map[string][]string {
	found := map[string][]string{}
	for text := range strings.Lines(log.String()) {
		var line struct {
			Msg string
			ID  string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		found[line.Msg] = append(found[line.Msg], line.ID)
	}
	return found
}

func TestRequestIDIsInEveryLineOfTheUploadAndItsJob(t *testing.T) {
	var log syncbuf.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	a := start(t, setup{
		api:     httpapi.Options{Logger: logger},
		service: eventmetrics.Options{Logger: logger, CleanupEvery: -1, ReprocessEvery: -1},
	})
	res := a.csv("/uploads?process=true", header+"C1,T1,a,2025-11-08\n", "X-Request-Id", "from-me", "Prefer", "wait=30")
	if res.status != http.StatusCreated || res.json(t)["status"] != "completed" {
		t.Fatalf("%d %s", res.status, res.body)
	}
	id := res.json(t)["batch_id"].(string)
	a.do("POST", "/batches/"+id+"/process", nil, "X-Request-Id", "again") // completed: no line of a job
	want := map[string][]string{
		"batch uploaded": {"from-me"}, "batch queued": {"from-me"}, "batch completed": {"from-me"},
		"request": {"from-me", "again"},
	}
	soon(t, want, func() map[string][]string { return requestIDs(t, &log) })
}

func TestEachLineOfARequestNamesItsToken(t *testing.T) {
	var log syncbuf.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	a := start(t, setup{
		api: httpapi.Options{Logger: logger, Authorize: func(*http.Request) (httpapi.Identity, error) {
			return httpapi.Identity{Name: "vera", Role: httpapi.RoleAdmin}, nil
		}},
		service: eventmetrics.Options{Logger: logger, CleanupEvery: -1, ReprocessEvery: -1}, idle: true,
	})
	id, _ := a.csv("/uploads", header+day8).json(t)["batch_id"].(string)
	a.do("POST", "/batches/"+id+"/process", nil)
	a.do("DELETE", "/batches/"+id, nil)
	soon(t, 6, func() int { return strings.Count(log.String(), "\n") }) // two for each request
	for line := range strings.Lines(log.String()) {
		if strings.Count(line, `"token":"vera"`) != 1 {
			t.Errorf("the line does not name the token once: %s", line)
		}
	}
}

// soon polls until get returns what is wanted: logs and spans end a moment
// after the answer.
func soon[V any](t *testing.T, want V, get func() V) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		d := cmp.Diff(want, get())
		if d == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(d)
		}
	}
}

func TestRequestIDOfTheContextIsKept(t *testing.T) {
	a := start(t, setup{})
	req := httptest.NewRequestWithContext(eventmetrics.WithRequestID(t.Context(), "theirs"), http.MethodGet, "/health", nil)
	req.Header.Set("X-Request-Id", "ours")
	res := httptest.NewRecorder()
	a.handler.ServeHTTP(res, req)
	if got := res.Header().Get("X-Request-Id"); got != "theirs" {
		t.Errorf("the request id is %q", got)
	}
}

// TestRequestsAreTracedAndMeasured sets the global propagator, and so must not
// be parallel to others.
func TestRequestsAreTracedAndMeasured(t *testing.T) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() { otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator()) })
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	a := start(t, setup{
		api: httpapi.Options{
			TracerProvider: traces, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		},
		service: eventmetrics.Options{TracerProvider: traces, CleanupEvery: -1, ReprocessEvery: -1},
	})
	const remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	a.csv("/uploads?process=true", header+"C1,T1,a,2025-11-08\n", "traceparent", remote, "Prefer", "wait=30")
	a.get("/batches/0199d2f8-0000-7000-8000-000000000000")
	a.get("/")
	a.get("/nowhere")
	a.do("BREW", "/uploads", nil)

	soon(t, [][]string{
		{"GET", "GET /", "GET /batches/{id}", "_OTHER"}, {"POST /uploads", "process", "upload"},
	}, func() [][]string {
		found := make([][]string, 2)
		for _, s := range spans.Ended() {
			i := 0
			if strings.Contains(remote, s.SpanContext().TraceID().String()) {
				i = 1
			}
			found[i] = append(found[i], s.Name())
		}
		slices.Sort(found[0])
		slices.Sort(found[1])
		return found
	})
	want := []string{
		"GET   4xx", "GET / 2xx", "GET /batches/{id} 4xx", "POST /uploads 2xx", "_OTHER   4xx",
	}
	soon(t, want, func() []string { return measured(t, reader) })
}

// measured lists the method, route and class of each series, sorted.
func measured(t *testing.T, reader *sdkmetric.ManualReader) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, p := range all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64]).DataPoints {
		method, _ := p.Attributes.Value("http.request.method")
		route, ok := p.Attributes.Value("http.route")
		class, _ := p.Attributes.Value("http.response.status_class")
		name := " "
		if ok {
			name = route.AsString()
		}
		found = append(found, method.AsString()+" "+name+" "+class.AsString())
	}
	slices.Sort(found)
	return found
}
