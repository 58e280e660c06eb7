package httpapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// TestAnUploadMustBecomeFaster sends what is enough at first, forever.
func TestAnUploadMustBecomeFaster(t *testing.T) {
	t.Parallel() // it mostly waits
	a := start(t, setup{api: httpapi.Options{StallTimeout: 200 * time.Millisecond}})
	body, feed := io.Pipe()
	go func() {
		_, err := io.WriteString(feed, header)
		for rows := strings.Repeat(day8, 600); err == nil; { // 48 KiB in each timeout
			time.Sleep(100 * time.Millisecond)
			_, err = io.WriteString(feed, rows)
		}
	}()
	defer body.Close()
	// The server cuts the connection after its answer, which the client may miss.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/uploads", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "text/csv")
	res, err := http.DefaultClient.Do(r)
	if err == nil {
		defer res.Body.Close()
		if res.StatusCode != http.StatusRequestTimeout {
			t.Errorf("got %s, want 408", res.Status)
		}
	}
	a.isEmpty()
}

// stalled is a body whose last part comes with the deadline. The server ends the
// context then, before anything else sees the error.
type stalled struct {
	io.Reader
	end context.CancelFunc
}

func (s stalled) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.end()
	return n, errors.Join(err, os.ErrDeadlineExceeded)
}

func (stalled) Close() error { return nil }

func TestAStallIsNoClientThatHasLeft(t *testing.T) {
	a := start(t, setup{idle: true})
	for _, query := range []string{"", "?dry_run=true"} {
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/uploads"+query, stalled{strings.NewReader(header + day8), cancel})
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "text/csv")
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, r)
		if w.Code != http.StatusRequestTimeout {
			t.Errorf("%q: got %d %s, want 408", query, w.Code, w.Body)
		}
	}
	a.isEmpty()
}

// slowStore takes its time to write.
type slowStore struct{ *memstore.Store }

func (s slowStore) Begin(ctx context.Context, id string) (store.Writer, error) {
	w, err := s.Store.Begin(ctx, id)
	return slowWriter{w}, err
}

type slowWriter struct{ store.Writer }

func (w slowWriter) Write(ctx context.Context, events []metrics.Event) error {
	time.Sleep(100 * time.Millisecond)
	return w.Writer.Write(ctx, events)
}

// TestASlowStoreIsNotTheClientsFault has a store that needs longer than the client
// may, for a body that is there at once.
func TestASlowStoreIsNotTheClientsFault(t *testing.T) {
	t.Parallel() // it mostly waits
	a := start(t, setup{store: slowStore{memstore.New()}, api: httpapi.Options{StallTimeout: time.Second}, idle: true})
	res := a.csv("/uploads", header+strings.Repeat(day8, 10_000)) // 30 writes, and more than the buffers of a connection
	if res.status != http.StatusCreated {
		t.Errorf("%d %s", res.status, res.body)
	}
}

func TestAFileWithTooManyRowsIsNotReadToItsEnd(t *testing.T) {
	a := start(t, setup{service: eventmetrics.Options{Limits: ingest.Limits{Rows: 10}}})
	body, feed := io.Pipe()
	defer feed.Close()
	go func() { _, _ = io.WriteString(feed, header+strings.Repeat(day8, 100_000)) }() // and no end
	a.do("POST", "/uploads", body, "Content-Type", "text/csv").problem(t, http.StatusRequestEntityTooLarge, httpapi.CodeTooLarge)
	a.isEmpty()
}

func TestFilesWithoutAValidRowTakeNoPlaceInTheLimit(t *testing.T) {
	limiter, err := memlimiter.New(&memlimiter.Options{Limit: 1, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, setup{api: httpapi.Options{Limiter: limiter}})
	for name, file := range map[string]string{
		"no rows": header, "a missing column": "a,b\n1,2\n", "no valid row": header + bad8, "JSON": `{"a":1}`, "nothing": "",
	} {
		for _, query := range []string{"", "?dry_run=true", "?mode=strict"} {
			res := a.csv("/uploads"+query, file)
			if res.status < 400 || res.status >= 500 || res.status == http.StatusTooManyRequests || res.header.Get("RateLimit") != "" {
				t.Errorf("%s: %d %s", name, res.status, res.body)
			}
		}
	}
	if res := a.csv("/uploads", header+day8, "Idempotency-Key", "k"); res.status != http.StatusCreated || res.header.Get("RateLimit") == "" {
		t.Errorf("then: %d %s", res.status, res.body)
	}
	for _, key := range []string{"k", "l"} {
		a.csv("/uploads", header+day8, "Idempotency-Key", key).problem(t, http.StatusTooManyRequests, httpapi.CodeTooManyRequests)
	}
}
