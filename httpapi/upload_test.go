package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func gzipped(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, content)
	_ = w.Close()
	return b.String()
}

func zstded(content string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(content), nil))
}

func TestAcceptedBodies(t *testing.T) {
	a := start(t, setup{})
	inForm := func(name, content string) (string, string) {
		body, contentType := form(t, "file", name, content)
		text, _ := io.ReadAll(body)
		return string(text), contentType
	}
	plainForm, plainType := inForm("events.csv", header+day8)
	gzipForm, gzipType := inForm("events.csv.gz", gzipped(header+day8))
	ndjson := `{"candidate_id":"C1","test_id":"T1","event_type":"a","timestamp":"2025-11-08"}` + "\n"
	ndjsonForm, ndjsonType := inForm("events.ndjson", ndjson+ndjson+ndjson)
	for _, tc := range []struct{ name, content, encoding, body string }{
		{"a form", plainType, "", plainForm},
		{"a compressed form", plainType, "gzip", gzipped(plainForm)},
		{"a compressed file in a form", gzipType, "", gzipForm},
		{"NDJSON in a form", ndjsonType, "", ndjsonForm},
		{"CSV", "text/csv; charset=utf-8", "", header + day8},
		{"CSV with gzip", "text/csv", "gzip", gzipped(header + day8)},
		{"CSV with zstd", "text/csv", "zstd", zstded(header + day8)},
		{"CSV that is gzip and does not say so", "text/csv", "", gzipped(header + day8)},
		{"CSV with a byte order mark and semicolons", "text/csv", "", "\ufeff" + strings.ReplaceAll(header+day8, ",", ";")},
		{"NDJSON", "application/x-ndjson", "", ndjson + ndjson + ndjson},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := a.do("POST", "/uploads?on_duplicate=allow", strings.NewReader(tc.body), "Content-Type", tc.content, "Content-Encoding", tc.encoding)
			if res.status != http.StatusCreated || res.json(t)["inserted_count"] != 3.0 {
				t.Errorf("%d %s", res.status, res.body)
			}
		})
	}
}

func TestRefusedBodies(t *testing.T) {
	a := start(t, setup{service: eventmetrics.Options{MaxUploadBytes: 1 << 20}, api: httpapi.Options{MaxBodyBytes: 2 << 20}})
	truncated := gzipped(strings.Repeat(header+day8, 100))
	truncated = truncated[:len(truncated)-10]
	noFile := "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--b--\r\n"
	openEnd := "--b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"x\"\r\n\r\n" + header + day8
	for _, tc := range []struct {
		name, content, encoding, body string
		status                        int
		code                          httpapi.Code
	}{
		{"nothing at all", "", "", "", 400, httpapi.CodeBadRequest},
		{"JSON", "application/json", "", "{}", 415, httpapi.CodeUnsupportedMedia},
		{"what curl sends by default", "application/x-www-form-urlencoded", "", header, 415, httpapi.CodeUnsupportedMedia},
		{"a form without a file", "multipart/form-data; boundary=b", "", noFile, 400, httpapi.CodeBadRequest},
		{"a form without a boundary", "multipart/form-data", "", noFile, 400, httpapi.CodeBadRequest},
		{"a form that breaks off", "multipart/form-data; boundary=b", "", openEnd, 400, httpapi.CodeBadRequest},
		{"an unknown encoding", "text/csv", "br", header, 415, httpapi.CodeUnsupportedMedia},
		{"plain text that says gzip", "text/csv", "gzip", header, 400, httpapi.CodeBadRequest},
		{"gzip that breaks off", "text/csv", "gzip", truncated, 400, httpapi.CodeBadRequest},
		{"zstd that is corrupt", "text/csv", "zstd", "\x28\xb5\x2f\xfd\xff\xff\xff\xff", 400, httpapi.CodeBadRequest},
		{"a file that is too large", "text/csv", "", header + strings.Repeat(day8, 15_000), 413, httpapi.CodeTooLarge},
		{"a body that is too large", "multipart/form-data; boundary=b", "", strings.Replace(openEnd, header, header+strings.Repeat(day8, 60_000), 1), 413, httpapi.CodeTooLarge},
		{"a file that is too large when decompressed", "text/csv", "gzip", gzipped(header + strings.Repeat(day8, 15_000)), 413, httpapi.CodeTooLarge},
		{"an empty file", "text/csv", "", "", 422, httpapi.CodeNoRows},
		{"a header alone", "text/csv", "", header, 422, httpapi.CodeNoRows},
		{"no valid row", "text/csv", "", header + ",,x,\n", 422, httpapi.CodeNoValidRow},
		{"a missing column", "text/csv", "", "candidate_id,test_id,event_type,time_stamp\nC1,T1,a,2025-11-08\n", 422, httpapi.CodeMissingColumn},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := a.do("POST", "/uploads", strings.NewReader(tc.body), "Content-Type", tc.content, "Content-Encoding", tc.encoding)
			body := res.problem(t, tc.status, tc.code)
			if tc.status == 422 && (body["inserted_count"] != 0.0 || body["errors"] == nil || body["failed_count"] == nil) {
				t.Errorf("counts and errors are missing: %s", res.body)
			}
			if tc.code == httpapi.CodeMissingColumn && cmp.Diff([]any{"timestamp"}, body["missing_columns"]) != "" {
				t.Errorf("the missing column is not named: %s", res.body)
			}
		})
	}
	if got := a.get("/batches").json(t)["count"]; got != 0.0 {
		t.Errorf("%v batches are left", got)
	}
}

func TestErrorsInAnswersAreBounded(t *testing.T) {
	a := start(t, setup{})
	row := strings.Repeat("x", 900) + "," + strings.Repeat("y", 900) + "," + strings.Repeat("z", 900) + ",never\n"
	res := a.csv("/uploads", header+day8+strings.Repeat(row, 5000))
	body := res.json(t)
	if body["failed_count"] != 5000.0 || body["errors_truncated"] != true || len(body["errors"].([]any)) != 100 {
		t.Errorf("failed_count %v, errors_truncated %v, %d errors", body["failed_count"], body["errors_truncated"], len(body["errors"].([]any)))
	}
	if len(res.body) > 200_000 {
		t.Errorf("the answer has %d bytes", len(res.body))
	}
}

func TestColumnsDoNotReplaceMembersOfAnError(t *testing.T) {
	a := start(t, setup{})
	res := a.csv("/uploads", "row,code,error_reason,"+header+"r,c,e,C1,T1,a,2025-11-08\nr,c,e,,T1,a,2025-11-08\n")
	got := res.json(t)["errors"].([]any)[0].(map[string]any)
	if got["row"] != 2.0 || got["code"] != "missing_value" || got["error_reason"] != "candidate_id is missing" {
		t.Errorf("error is %v", got)
	}
}

func TestIdempotencyKey(t *testing.T) {
	a := start(t, setup{})
	send := func(content string) answer {
		return a.csv("/uploads?process=true", header+content, "Idempotency-Key", "k-1", "Prefer", "wait=30")
	}
	first := send(day8 + ",,x,\n")
	if first.status != http.StatusCreated || first.header.Get("Preference-Applied") != "wait=30" {
		t.Fatalf("%d %v %s", first.status, first.header, first.body)
	}
	again := send(day8 + ",,x,\n")
	if again.status != http.StatusCreated || again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("replay: %d %v\n%s want\n%s", again.status, again.header, again.body, first.body)
	}
	send(day8).problem(t, http.StatusUnprocessableEntity, httpapi.CodeKeyReused)
	if got := a.get("/metrics?date=2025-11-09").json(t)["data"].([]any)[0].(map[string]any)["metrics"]; cmp.Diff([]any{map[string]any{"event_type": "done", "count": 1.0}}, got) != "" {
		t.Errorf("the replay counted: %v", got)
	}
	for _, key := range []string{strings.Repeat("k", 256), "schlüssel"} {
		a.csv("/uploads", header+day8, "Idempotency-Key", key).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	}
}

func TestUploadsAreLimitedByClient(t *testing.T) {
	limiter, err := memlimiter.New(&memlimiter.Options{Limit: 1, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, setup{api: httpapi.Options{Limiter: limiter}})
	first := a.csv("/uploads", header+day8, "X-Forwarded-For", "192.0.2.1")
	if first.status != http.StatusCreated || first.header.Get("RateLimit") == "" || first.header.Get("RateLimit-Policy") == "" {
		t.Errorf("first: %d %v", first.status, first.header)
	}
	second := a.csv("/uploads", header+day8, "X-Forwarded-For", "192.0.2.2")
	second.problem(t, http.StatusTooManyRequests, httpapi.CodeTooManyRequests)
	if second.header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %v", second.header)
	}
	if res := a.get("/batches"); res.status != http.StatusOK {
		t.Errorf("other requests are limited too: %d", res.status)
	}
}

func TestARefusalNamesTheLimitAndItsSetting(t *testing.T) {
	limiter, err := memlimiter.New(&memlimiter.Options{Limit: 2, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, setup{api: httpapi.Options{Limiter: limiter, LimitSetting: "UPLOADS"}})
	for range 2 {
		a.csv("/uploads?on_duplicate=allow", header+day8)
	}
	detail, _ := a.csv("/uploads?on_duplicate=allow", header+day8).json(t)["detail"].(string)
	want := "this address may upload 2 files in 3600 seconds; try again in 3600 seconds; the setting UPLOADS changes the limit"
	if detail != want {
		t.Errorf("detail: %q, want %q", detail, want)
	}
}

func TestUploadsFromThisMachineMayBeExempt(t *testing.T) {
	limiter, err := memlimiter.New(&memlimiter.Options{Limit: 1, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, setup{api: httpapi.Options{Limiter: limiter, ExemptLocal: true}})
	for range 3 {
		if res := a.csv("/uploads?on_duplicate=allow", header+day8); res.status != http.StatusCreated || res.header.Get("RateLimit") != "" {
			t.Errorf("from this machine: %d %v", res.status, res.header)
		}
	}
	for _, want := range []int{http.StatusCreated, http.StatusTooManyRequests} { // through a proxy
		if res := a.csv("/uploads?on_duplicate=allow", header+day8, "X-Forwarded-For", "192.0.2.1"); res.status != want {
			t.Errorf("through a proxy: %d %s, want %d", res.status, res.body, want)
		}
	}
}

func TestRefusedRequestsDoNotCountTowardsTheLimit(t *testing.T) {
	limiter, err := memlimiter.New(&memlimiter.Options{Limit: 1, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, setup{api: httpapi.Options{Limiter: limiter}})
	for query, status := range map[string]int{
		"?mode=other": http.StatusBadRequest, "?schema=unknown": http.StatusBadRequest, "?repairs=unknown": http.StatusNotFound,
		"?repairs=019ab4a3-3c5e-7e44-9a35-7f1f7a3a9d0e": http.StatusNotFound,
	} {
		res := a.csv("/uploads"+query, header+day8)
		if res.status != status || res.header.Get("RateLimit") != "" {
			t.Errorf("%s: %d %v", query, res.status, res.header)
		}
	}
	if res := a.csv("/uploads", header+day8); res.status != http.StatusCreated {
		t.Errorf("then: %d %s", res.status, res.body)
	}
}

func TestOnlyNewBatchesTakeAPlaceInTheLimit(t *testing.T) {
	limiter, err := memlimiter.New(&memlimiter.Options{Limit: 2, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, setup{api: httpapi.Options{Limiter: limiter}, service: eventmetrics.Options{MaxUploadBytes: 2000}})
	stored := a.csv("/uploads", header+day8, "Idempotency-Key", "k1")
	for range 2 {
		for _, other := range []struct {
			query, body, key string
			status           int
			left             string // "" if the limiter was not asked
		}{
			{"?mode=strict", header + day8 + bad8, "k2", 422, "r=1;"},
			{"", header + strings.Repeat(day8, 200), "k3", 413, ""},
			{"", header + day8, "k1", 201, "r=1;"}, // replayed
			{"", header + day8, "k4", 200, "r=1;"}, // duplicate
			{"?dry_run=true", header + day8 + day8, "", 200, "r=1;"},
		} {
			headers := []string{}
			if other.key != "" {
				headers = []string{"Idempotency-Key", other.key}
			}
			res := a.csv("/uploads"+other.query, other.body, headers...)
			if res.status != other.status || !strings.Contains(res.header.Get("RateLimit"), other.left) || other.left == "" && res.header.Get("RateLimit") != "" {
				t.Errorf("%s %s: %d %s, RateLimit %q; want %d, %q", other.query, other.key, res.status, res.body, res.header.Get("RateLimit"), other.status, other.left)
			}
		}
	}
	second := a.csv("/uploads?on_duplicate=allow", header+day8)
	if stored.status != http.StatusCreated || second.status != http.StatusCreated {
		t.Errorf("new batches: %d, %d", stored.status, second.status)
	}
	a.csv("/uploads", header+day8).problem(t, http.StatusTooManyRequests, httpapi.CodeTooManyRequests)
	a.csv("/uploads?dry_run=true", header+day8).problem(t, http.StatusTooManyRequests, httpapi.CodeTooManyRequests)
}

func TestADemonstrationTakesNoPlaceInTheLimit(t *testing.T) {
	limiter, err := memlimiter.New(&memlimiter.Options{Limit: 1, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, setup{api: httpapi.Options{Limiter: limiter}})
	if demo := a.csv("/uploads?demo=true", header+day8); demo.status != http.StatusCreated || demo.header.Get("RateLimit") != "" {
		t.Errorf("demo: %d %s %v", demo.status, demo.body, demo.header)
	}
	if own := a.csv("/uploads", header+day8+day8); own.status != http.StatusCreated || !strings.Contains(own.header.Get("RateLimit"), "r=0;") {
		t.Errorf("the first file after it: %d %s %v", own.status, own.body, own.header)
	}
	a.csv("/uploads?demo=true", header+day8+day8+day8).problem(t, http.StatusConflict, httpapi.CodeConflict)
}

// lookups counts calls of Batch.
type lookups struct {
	store.Store
	n atomic.Int64
}

func (s *lookups) Batch(ctx context.Context, id string) (store.Batch, error) {
	s.n.Add(1)
	return s.Store.Batch(ctx, id)
}

func (s *lookups) Unwrap() store.Store { return s.Store }

func TestTheRepairedBatchIsLookedUpOnce(t *testing.T) {
	counting := &lookups{Store: memstore.New()}
	a := start(t, setup{store: counting, idle: true})
	id, _ := a.csv("/uploads", header+day8+bad8).json(t)["batch_id"].(string)
	for _, query := range []string{"", "&dry_run=true"} {
		before := counting.n.Load()
		a.csv("/uploads?on_duplicate=allow&repairs="+id+query, header+day8)
		if n := counting.n.Load() - before; n != 1 {
			t.Errorf("%q: %d lookups", query, n)
		}
	}
}

func TestConcurrentUploadsAreLimited(t *testing.T) {
	a := start(t, setup{api: httpapi.Options{MaxUploads: 1}})
	body, feed := io.Pipe()
	done := make(chan answer, 1)
	go func() { done <- a.do("POST", "/uploads", body, "Content-Type", "text/csv") }()
	// More than the client keeps back: it returns when most of it is sent.
	_, _ = io.WriteString(feed, header+strings.Repeat(day8, 5000))
	deadline := time.Now().Add(30 * time.Second)
	for {
		res := a.csv("/uploads", header+day8)
		if res.status == http.StatusServiceUnavailable {
			res.problem(t, http.StatusServiceUnavailable, httpapi.CodeBusy)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("second upload: %d %s", res.status, res.body)
		}
	}
	_, _ = io.WriteString(feed, day8)
	_ = feed.Close()
	if res := <-done; res.status != http.StatusCreated {
		t.Errorf("first upload: %d %s", res.status, res.body)
	}
}

func TestUploadThatStallsEnds(t *testing.T) {
	t.Parallel() // it mostly waits
	// It is also the time to write the answer, which a busy machine needs.
	a := start(t, setup{api: httpapi.Options{StallTimeout: time.Second}})
	for name, trickle := range map[string]bool{"silence": false, "a trickle": true} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST /uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n\r\n%s", token, header)
			stop := make(chan struct{})
			defer close(stop)
			if trickle {
				go func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(5 * time.Millisecond):
							_, _ = io.WriteString(conn, "C")
						}
					}
				}()
			}
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
			status := make([]byte, len("HTTP/1.1 408"))
			if _, err := io.ReadFull(conn, status); err != nil || string(status) != "HTTP/1.1 408" {
				t.Errorf("got %q, %v; want 408", status, err)
			}
		})
	}
}

func TestSteadyUploadMayTakeLong(t *testing.T) {
	t.Parallel() // it mostly waits
	a := start(t, setup{api: httpapi.Options{StallTimeout: time.Second}})
	body, feed := io.Pipe()
	done := make(chan answer, 1)
	go func() { done <- a.do("POST", "/uploads", body, "Content-Type", "text/csv") }()
	_, _ = io.WriteString(feed, header)
	rows := strings.Repeat(day8, 600) // more than what must come in each step
	for range 12 {
		<-time.After(100 * time.Millisecond) // in all longer than the timeout
		_, _ = io.WriteString(feed, rows)
	}
	_ = feed.Close()
	if res := <-done; res.status != http.StatusCreated || res.json(t)["inserted_count"] != 21600.0 {
		t.Errorf("%d %s", res.status, res.body)
	}
}
