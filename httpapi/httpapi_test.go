package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

const (
	token  = "secret"
	header = "candidate_id,test_id,event_type,timestamp\n"
)

// api is a server on memory, and a client for it.
type api struct {
	t       *testing.T
	url     string
	handler *httpapi.Handler
	service *eventmetrics.Service
	store   *memstore.Store
	queue   *memqueue.Queue
}

type setup struct {
	api     httpapi.Options
	store   store.Store // nil means a new one
	service eventmetrics.Options
	idle    bool   // no workers
	prefix  string // where the handler is mounted
}

func start(t *testing.T, s setup) *api {
	t.Helper()
	a := &api{t: t}
	if s.store == nil {
		s.store = memstore.New()
	}
	a.store, _ = s.store.(*memstore.Store)
	a.queue = memqueue.New(&memqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	a.service = eventmetrics.New(s.store, a.queue, &s.service)
	if s.api.Token == "" && s.api.Authorize == nil {
		s.api.Token = token
	}
	var err error
	if a.handler, err = httpapi.New(a.service, &s.api); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix(s.prefix, watched(t, a.handler)))
	t.Cleanup(server.Close)
	a.url = server.URL + s.prefix
	if !s.idle {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.service.Run(ctx) }()
		t.Cleanup(func() { stop(); <-done })
	}
	return a
}

// answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   string
}

// json decodes the body.
func (r answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("answer %d is not JSON: %v: %.200s", r.status, err, r.body)
	}
	return v
}

// do sends a request with the token unless headers has an Authorization.
func (a *api) do(method, path string, body io.Reader, headers ...string) answer {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req) // redirects are answers here
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func (a *api) get(path string, headers ...string) answer {
	a.t.Helper()
	return a.do("GET", path, nil, headers...)
}

// csv uploads a body of text/csv.
func (a *api) csv(path, content string, headers ...string) answer {
	a.t.Helper()
	return a.do("POST", path, strings.NewReader(content), append([]string{"Content-Type", "text/csv"}, headers...)...)
}

// count uploads rows and waits until they count, once more if they are there.
func (a *api) count(rows string) string {
	a.t.Helper()
	return a.countFile(header + rows)
}

func (a *api) countFile(content string) string {
	a.t.Helper()
	res := a.csv("/uploads?process=true&on_duplicate=allow", content, "Prefer", "wait=30")
	body := res.json(a.t)
	if res.status != http.StatusCreated || body["status"] != "completed" {
		a.t.Fatalf("upload answered %d: %s", res.status, res.body)
	}
	return body["batch_id"].(string)
}

func form(t *testing.T, field, name, content string) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("timestamp_zone", "UTC") // an option
	part, err := w.CreateFormFile(field, name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(part, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b, w.FormDataContentType()
}

// problem checks that an answer is a problem with this status and code.
func (r answer) problem(t *testing.T, status int, code httpapi.Code) map[string]any {
	t.Helper()
	if r.status != status || r.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("answered %d %s, want a problem with status %d: %s", r.status, r.header.Get("Content-Type"), status, r.body)
	}
	body := r.json(t)
	if body["code"] != string(code) {
		t.Errorf("code is %v, want %s: %s", body["code"], code, r.body)
	}
	for _, name := range []string{"type", "title", "status", "detail", "instance", "request_id", "error"} {
		if body[name] == nil || body[name] == "" {
			t.Errorf("problem lacks %s: %s", name, r.body)
		}
	}
	return body
}

const day8 = "C1,T1,started,2025-11-08T09:00:00Z\nC2,T1,started,2025-11-08T23:00:00Z\nC1,T1,done,2025-11-09T01:00:00Z\n"

func TestTheJourneyOfAFile(t *testing.T) {
	a := start(t, setup{})
	body, content := form(t, "anything", "events.csv", header+day8+",T1,x,2025-11-08\n")
	up := a.do("POST", "/uploads", body, "Content-Type", content)
	if up.status != http.StatusCreated {
		t.Fatalf("upload: %d %s", up.status, up.body)
	}
	receipt := up.json(t)
	id := receipt["batch_id"].(string)
	created, _ := store.IDTime(id)
	want := map[string]any{
		"batch_id": id, "inserted_count": 3.0, "failed_count": 1.0, "duplicate_count": 0.0, "duplicate_of": nil, "status": "uploaded", "errors_truncated": false,
		"expires_at": created.Add(24 * time.Hour).UTC().Format("2006-01-02T15:04:05.000Z"),
		"read_as": map[string]any{
			"format": "csv", "delimiter": ",", "encoding": "utf-8", "date_order": "", "time_zone": "",
			"time_forms": []any{"iso_zoned"}, "skipped_lines": 0.0, "header_line": 1.0,
		},
		"warnings":   []any{map[string]any{"code": "many_rejected", "column": "", "message": "1 of 4 rows were rejected", "count": 1.0, "line": 5.0}},
		"errors_url": "/batches/" + id + "/errors",
		"errors": []any{map[string]any{
			"row": 4.0, "line": 5.0, "candidate_id": "", "test_id": "T1", "event_type": "x", "timestamp": "2025-11-08",
			"column": "candidate_id", "code": "missing_value", "value": "", "error_reason": "candidate_id is missing",
		}},
	}
	if d := cmp.Diff(want, receipt); d != "" {
		t.Error(d)
	}
	if got := up.header.Get("Location"); got != "/batches/"+id {
		t.Errorf("Location is %q", got)
	}
	if res := a.get("/metrics"); res.status != 404 || res.json(t)["message"] != "No metrics found" {
		t.Errorf("metrics before processing: %d %s", res.status, res.body)
	}
	res := a.do("POST", "/batches/"+id+"/process", nil, "Prefer", "wait=30")
	wantProcessed := map[string]any{"message": "Batch queued for processing", "batchId": id, "status": "completed"}
	if d := cmp.Diff(wantProcessed, res.json(t)); d != "" || res.status != http.StatusOK {
		t.Errorf("process: %d %s", res.status, d)
	}
	again := a.do("POST", "/batches/"+id+"/process", nil).problem(t, http.StatusBadRequest, httpapi.CodeConflict)
	if again["error"] != "Batch already processed or invalid status" {
		t.Errorf("second process: %v", again["error"])
	}
	wantBody := `{"count":2,"data":[{"date":"2025-11-08","metrics":[{"event_type":"started","count":2}]},` +
		`{"date":"2025-11-09","metrics":[{"event_type":"done","count":1}]}]}` + "\n"
	if got := a.get("/metrics"); got.body != wantBody {
		t.Errorf("metrics:\n%s want\n%s", got.body, wantBody)
	}
	repair := a.get("/batches/" + id + "/errors")
	wantRepair := "\ufeffcandidate_id,test_id,event_type,timestamp,_row,_line,_column,_code,_message\n,T1,x,2025-11-08,4,5,candidate_id,missing_value,candidate_id is missing\n"
	if d := cmp.Diff(wantRepair, repair.body); d != "" || !strings.HasPrefix(repair.header.Get("Content-Type"), "text/csv") {
		t.Errorf("repair file: %s %s", repair.header.Get("Content-Type"), d)
	}
	if res := a.do("DELETE", "/batches/"+id, nil); res.status != http.StatusNoContent {
		t.Errorf("delete: %d %s", res.status, res.body)
	}
	a.get("/batches/"+id).problem(t, http.StatusNotFound, httpapi.CodeNotFound)
	if res := a.get("/metrics"); res.status != 404 {
		t.Errorf("metrics after delete: %d %s", res.status, res.body)
	}
}

func TestMetricsForms(t *testing.T) {
	a := start(t, setup{})
	a.count(day8)
	a.count("C3,T1,started,2025-11-10T00:10:00Z\n")
	const d8 = `{"date":"2025-11-08","metrics":[{"event_type":"started","count":2}]}`
	const d9 = `{"date":"2025-11-09","metrics":[{"event_type":"done","count":1}]}`
	const d10 = `{"date":"2025-11-10","metrics":[{"event_type":"started","count":1}]}`
	list := func(days ...string) string {
		return fmt.Sprintf(`{"count":%d,"data":[%s]}`+"\n", len(days), strings.Join(days, ","))
	}
	for _, tc := range []struct{ name, query, want string }{
		{"everything", "", list(d8, d9, d10)},
		{"a date", "?date=2025-11-08", list(d8)},
		{"from a date on", "?from=2025-11-09", list(d9, d10)},
		{"from and to, both included", "?from=2025-11-08&to=2025-11-09", list(d8, d9)},
		{"up to a date", "?to=2025-11-08", list(d8)},
		{"an event type leaves out the days without it", "?event_type=started", list(d8, d10)},
		{"a date and an event type", "?date=2025-11-09&event_type=done", list(d9)},
		{"any of several event types", "?event_type=done&event_type=started&to=2025-11-09", list(d8, d9)},
		{"hours", "?interval=hour&to=2025-11-08", list(
			`{"date":"2025-11-08T09:00:00Z","metrics":[{"event_type":"started","count":1}]}`,
			`{"date":"2025-11-08T23:00:00Z","metrics":[{"event_type":"started","count":1}]}`,
		)},
		{"weeks begin on Monday", "?interval=week&event_type=started", list(
			`{"date":"2025-11-03","metrics":[{"event_type":"started","count":2}]}`,
			`{"date":"2025-11-10","metrics":[{"event_type":"started","count":1}]}`,
		)},
		{"months", "?interval=month&event_type=started", list(`{"date":"2025-11-01","metrics":[{"event_type":"started","count":3}]}`)},
		{"one bucket for all", "?interval=all", list(
			`{"date":"2025-11-08","metrics":[{"event_type":"done","count":1},{"event_type":"started","count":3}]}`,
		)},
		{"one bucket for a range", "?interval=all&from=2025-11-01&to=2025-11-09&group=none", list(`{"date":"2025-11-01","count":3}`)},
		{"days of Kathmandu", "?tz=Asia/Kathmandu&event_type=started", list(
			`{"date":"2025-11-08","metrics":[{"event_type":"started","count":1}]}`,
			`{"date":"2025-11-09","metrics":[{"event_type":"started","count":1}]}`,
			`{"date":"2025-11-10","metrics":[{"event_type":"started","count":1}]}`,
		)},
		{"uniques", "?interval=week&uniques=true&event_type=started&to=2025-11-09", list(
			`{"date":"2025-11-03","metrics":[{"event_type":"started","count":2,"uniques":2}]}`,
		)},
		{"zero fill", "?fill=zero&from=2025-11-07&to=2025-11-08", list(
			`{"date":"2025-11-07","metrics":[{"event_type":"started","count":0}]}`, d8,
		)},
		{"totals", "?group=none&uniques=true", list(
			`{"date":"2025-11-08","count":2,"uniques":2}`, `{"date":"2025-11-09","count":1,"uniques":1}`, `{"date":"2025-11-10","count":1,"uniques":1}`,
		)},
		{"CSV", "?format=csv&to=2025-11-09", "date,event_type,count\n2025-11-08,started,2\n2025-11-09,done,1\n"},
		{"NDJSON", "?format=ndjson&to=2025-11-09", `{"date":"2025-11-08","event_type":"started","count":2}` + "\n" +
			`{"date":"2025-11-09","event_type":"done","count":1}` + "\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, a.get("/metrics"+tc.query).body); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRefusedQueriesNameTheParameter(t *testing.T) {
	a := start(t, setup{})
	for _, query := range []string{
		"date=yesterday", "from=2025-02-30", "to=08.11.2025", "interval=year", "tz=Mars/Olympus", "tz=Local", "uniques=maybe",
		"fill=one", "group=all", "format=xml", "date=2025-11-08&from=2025-11-08", "from=2025-11-09&to=2025-11-08",
		"uniques=true&interval=hour", "uniques=true&tz=Asia/Tokyo",
	} {
		t.Run(query, func(t *testing.T) {
			problem := a.get("/metrics?"+query).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
			name, _, _ := strings.Cut(query, "=")
			if !strings.Contains(problem["detail"].(string), name) {
				t.Errorf("%q does not name %s", problem["detail"], name)
			}
		})
	}
}

func TestETagSavesTheBody(t *testing.T) {
	a := start(t, setup{})
	a.count(day8)
	first := a.get("/metrics")
	tag := first.header.Get("ETag")
	for _, value := range []string{tag, strings.TrimPrefix(tag, "W/"), `"other", ` + tag, "*"} {
		if res := a.get("/metrics", "If-None-Match", value); res.status != http.StatusNotModified || res.body != "" {
			t.Errorf("If-None-Match %s: %d %q", value, res.status, res.body)
		}
	}
	a.count(day8)
	if res := a.get("/metrics", "If-None-Match", tag); res.status != http.StatusOK {
		t.Errorf("after a change: %d", res.status)
	}
}

func TestAnHourMayEndOnTheNextDay(t *testing.T) {
	a := start(t, setup{})
	early, both, late := a.count("C1,T1,started,2025-11-08T23:45:00Z\nC1,T1,started,2025-11-08T23:15:00Z\n"),
		a.count("C1,T1,started,2025-11-08T23:30:00Z\nC1,T1,started,2025-11-09T00:29:59Z\nC1,T1,started,2025-11-09T00:30:00Z\n"),
		a.count("C1,T1,started,2025-11-09T00:00:00Z\nC1,T1,started,2025-11-09T00:15:00Z\nC1,T1,started,2025-11-09T00:20:00Z\n")
	share := func(id string, n float64) any {
		return map[string]any{"batch_id": id, "count": n, "url": "/batches/" + id}
	}
	want := map[string]any{
		"date": "2025-11-08", "event_type": "started", "count": 6.0,
		"batches": []any{share(early, 1), share(both, 2), share(late, 3)},
	}
	if d := cmp.Diff(want, a.get("/metrics/explain?date=2025-11-08&event_type=started&hour=23:30").json(t)); d != "" {
		t.Error(d)
	}
}

func TestExplainSumsExactly(t *testing.T) {
	a := start(t, setup{})
	first, second := a.count(day8), a.count(day8+day8)
	a.count("C1,T1,other,2025-11-08\n")
	want := map[string]any{
		"date": "2025-11-08", "event_type": "started", "count": 6.0,
		"batches": []any{
			map[string]any{"batch_id": first, "count": 2.0, "url": "/batches/" + first},
			map[string]any{"batch_id": second, "count": 4.0, "url": "/batches/" + second},
		},
	}
	if d := cmp.Diff(want, a.get("/metrics/explain?date=2025-11-08&event_type=started").json(t)); d != "" {
		t.Error(d)
	}
	for hour, want := range map[string]float64{"09:00": 3, "10:00": 0, "08:15": 3, "08:00": 0, "09:15": 0} {
		res := a.get("/metrics/explain?date=2025-11-08&event_type=started&hour=" + hour)
		if got, _ := res.json(t)["count"].(float64); got != want || (want == 0) != (res.status == http.StatusNotFound) {
			t.Errorf("hour %s: %d %s, want %v", hour, res.status, res.body, want)
		}
	}
	for _, hour := range []string{"24:00", "9", "9:00", "09:10"} {
		a.get("/metrics/explain?date=2025-11-08&event_type=started&hour="+hour).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	}
	if res := a.get("/metrics/explain?date=2025-11-08&event_type=none"); res.status != 404 {
		t.Errorf("a number that is not there: %d", res.status)
	}
	a.get("/metrics/explain?date=2025-11-08").problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
}

func TestBatchesPageByPage(t *testing.T) {
	a := start(t, setup{})
	var want []string
	for range 5 {
		want = append([]string{a.count(day8)}, want...)
	}
	idle := a.csv("/uploads?on_duplicate=allow", header+day8).json(t)["batch_id"].(string)
	var got []string
	for cursor := ""; ; {
		page := a.get("/batches?limit=2&status=completed&cursor=" + cursor).json(t)
		for _, b := range page["data"].([]any) {
			got = append(got, b.(map[string]any)["batch_id"].(string))
		}
		next, more := page["next_cursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	// Batches of one millisecond are in no particular order.
	if d := cmp.Diff(set(want), set(got)); d != "" || len(got) != len(want) {
		t.Error(d)
	}
	page := a.get("/batches?status=uploaded").json(t)
	b := page["data"].([]any)[0].(map[string]any)
	if page["count"] != 1.0 || b["batch_id"] != idle || b["links"].(map[string]any)["process"] != "/batches/"+idle+"/process" {
		t.Errorf("uploaded batches: %v", page)
	}
	for _, query := range []string{"limit=0", "limit=x", "limit=1001", "status=done", "cursor=x"} {
		a.get("/batches?"+query).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	}
}

func set(ids []string) map[string]bool {
	m := map[string]bool{}
	for _, id := range ids {
		m[id] = true
	}
	return m
}
