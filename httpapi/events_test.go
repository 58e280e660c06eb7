package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// live is a handler in a bubble of synctest, where time passes at once.
type live struct {
	t       *testing.T
	handler *httpapi.Handler
	service *eventmetrics.Service
}

func newLive(t *testing.T) *live {
	t.Helper()
	l := &live{t: t, service: eventmetrics.New(memstore.New(), memqueue.New(nil), nil)}
	var err error
	if l.handler, err = httpapi.New(l.service, &httpapi.Options{Token: token}); err != nil {
		t.Fatal(err)
	}
	return l
}

// upload uploads a file of one row and returns its batch.
func (l *live) upload() string {
	l.t.Helper()
	// The clock of a bubble starts in the year 2000.
	file := eventmetrics.File{Body: strings.NewReader(header + "C,T,x,1999-01-01T00:00:00Z\n"), AllowDuplicate: true}
	receipt, err := l.service.Upload(l.t.Context(), file)
	if err != nil {
		l.t.Fatal(err)
	}
	return receipt.Batch.ID
}

// listener is a client of the stream of events.
type listener struct {
	header http.Header
	leave  context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	status int
	text   strings.Builder
}

func (l *live) listen(lastID string) *listener {
	ctx, leave := context.WithCancel(l.t.Context())
	c := &listener{header: http.Header{}, leave: leave, done: make(chan struct{})}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/batches/events", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	go func() {
		defer close(c.done)
		watched(l.t, l.handler).ServeHTTP(c, r)
	}()
	synctest.Wait()
	return c
}

func (c *listener) Header() http.Header { return c.header }
func (c *listener) Flush()              {}

func (c *listener) WriteHeader(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

func (c *listener) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

// take lets a second pass and returns what was sent since the last call.
func (c *listener) take() string {
	time.Sleep(time.Second) // in the bubble: no time at all
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.text.Reset()
	return c.text.String()
}

var eventForm = regexp.MustCompile(`id: (\S+)\nevent: (\S+)\ndata: \{(?:"batch_id":"([^"]+)")?(?:.*"status":"(\w+)")?.*\}\n\n`)

// events returns the events of a text as name, batch and status, and the last id.
func events(text string) (all []string, last string) {
	for _, m := range eventForm.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.TrimSpace(fmt.Sprint(m[2], " ", m[3], " ", m[4])))
		last = m[1]
	}
	return all, last
}

func TestAStreamHasEachChangeOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(t)
		old := l.upload()
		c := l.listen("")
		first, _ := events(c.take())
		if d := cmp.Diff([]string{"reset"}, first); d != "" {
			t.Error("a new client reads the list first:", d)
		}
		id := l.upload()
		got, _ := events(c.take())
		if d := cmp.Diff([]string{"batch " + id + " uploaded"}, got); d != "" {
			t.Error(d)
		}
		if err := l.service.Process(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := l.service.DeleteBatch(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		got, _ = events(c.take())
		if d := cmp.Diff([]string{"batch " + id + " queued", "deleted " + old}, got); d != "" {
			t.Error(d)
		}
		if got := c.take(); got != "" {
			t.Errorf("nothing happened and %q was sent", got)
		}
		c.leave()
		<-c.done
	})
}

func TestAClientThatReconnectsMissesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(t)
		c := l.listen("")
		l.upload()
		_, last := events(c.take())
		c.leave()
		<-c.done

		missed := l.upload()
		if err := l.service.Process(t.Context(), missed); err != nil {
			t.Fatal(err)
		}
		again := l.listen(last)
		defer again.leave()
		got, _ := events(again.take())
		if d := cmp.Diff([]string{"batch " + missed + " queued"}, got); d != "" {
			t.Error(d)
		}
		epoch, _, _ := strings.Cut(last, "-")
		for _, foreign := range []string{"another-1", "nonsense", last + "99", "-1", epoch + "--1", epoch + "--9223372036854775808"} {
			c := l.listen(foreign)
			if got, _ := events(c.take()); !cmp.Equal(got, []string{"reset"}) {
				t.Errorf("Last-Event-ID %q is answered with %v, want reset", foreign, got)
			}
			c.leave()
		}
	})
}

func TestABatchThatLeavesTheWindowIsNotDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(t)
		queued := l.upload()
		if err := l.service.Process(t.Context(), queued); err != nil {
			t.Fatal(err)
		}
		c := l.listen("")
		defer c.leave()
		c.take()
		for range 150 {
			l.upload()
		}
		c.take()
		for range 150 { // more than are watched, in steps that overlap
			l.upload()
		}
		got, _ := events(c.take())
		if len(got) != 150 {
			t.Errorf("%d events of 150 uploads: %.300q", len(got), got)
		}
		if err := l.service.DeleteBatch(t.Context(), queued); err != nil {
			t.Fatal(err)
		}
		if got, _ := events(c.take()); !cmp.Equal(got, []string{"deleted " + queued}) {
			t.Errorf("got %v: queued batches are watched at any age", got)
		}
		for range 250 {
			l.upload()
		}
		if got, _ := events(c.take()); !cmp.Equal(got, []string{"reset"}) {
			t.Errorf("got %.300q of a gap that cannot be bridged, want reset", got)
		}
	})
}

func TestAQueuedBatchDoesNotCloseAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(t)
		if err := l.service.Process(t.Context(), l.upload()); err != nil {
			t.Fatal(err)
		}
		c := l.listen("")
		_, last := events(c.take())
		c.leave()
		<-c.done
		for range 250 { // more than can be seen at once
			l.upload()
		}
		again := l.listen(last)
		defer again.leave()
		if got, _ := events(again.take()); !cmp.Equal(got, []string{"reset"}) {
			t.Errorf("got %d events, want reset: some batches were not seen", len(got))
		}
	})
}

func TestAStreamEndsSoThatTheClientIsAuthorizedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newLive(t).listen("")
		began := time.Now()
		<-c.done
		if got := time.Since(began); got != 10*time.Minute {
			t.Errorf("the stream went on for %s, want 10 minutes", got)
		}
	})
}

func TestAQuietStreamHasHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(t)
		c := l.listen("")
		defer c.leave()
		c.take()
		time.Sleep(31 * time.Second)
		if n := strings.Count(c.take(), ": heartbeat\n\n"); n != 2 {
			t.Errorf("%d signs of life in 32 s, want one each 15 s", n)
		}
	})
}

func TestDrainEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(t)
		c := l.listen("")
		l.handler.Drain()
		l.handler.Drain() // may be repeated
		<-c.done
		if got := c.header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("Content-Type is %q", got)
		}
	})
}

func TestHeadOfAStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(t)
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodHead, "/batches/events", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.handler.ServeHTTP(httptest.NewRecorder(), r)
		}()
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("the answer goes on and holds up the next request on its connection")
		}
		leave()
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(t)
		var all []*listener
		for range 256 {
			all = append(all, l.listen(""))
		}
		if c := l.listen(""); c.status != http.StatusServiceUnavailable || c.header.Get("Retry-After") == "" {
			t.Errorf("stream 257 is answered %d", c.status)
		}
		all[0].leave()
		<-all[0].done
		c := l.listen("")
		if got, _ := events(c.take()); len(got) != 1 {
			t.Errorf("the place of a client that left is not free: %d", c.status)
		}
		for _, c := range append(all, c) {
			c.leave()
		}
	})
}
