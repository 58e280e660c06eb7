package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func TestMissingBodyHoldsNoConnection(t *testing.T) {
	a := start(t, setup{api: httpapi.Options{StallTimeout: 100 * time.Millisecond}})
	for _, line := range []string{"GET /health", "POST /uploads", "POST /nowhere"} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", line)
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("the connection is still open: %v", err)
			}
		})
	}
}

func TestMalformedQueriesAndTheFirstDayAskForNothing(t *testing.T) {
	a := start(t, setup{})
	a.count(day8)
	for _, query := range []string{"event_type=%zz", "date=%zz", "a;b"} {
		a.get("/metrics?"+query).problem(t, http.StatusBadRequest, httpapi.CodeBadRequest)
	}
	for _, path := range []string{"?date=1970-01-01", "?to=1970-01-01", "/explain?date=1970-01-01&event_type=started"} {
		if res := a.get("/metrics" + path); res.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, res.status, res.body)
		}
	}
}

// fullQueue takes no job.
type fullQueue struct{ queue.Queue }

func (fullQueue) Enqueue(context.Context, ...queue.Job) error { return errors.New("disk full") }

func TestStoredBatchIsAnsweredEvenIfItIsNotQueued(t *testing.T) {
	service := eventmetrics.New(memstore.New(), fullQueue{memqueue.New(nil)}, nil)
	api, err := httpapi.New(service, &httpapi.Options{Authorize: httpapi.AllowAll})
	if err != nil {
		t.Fatal(err)
	}
	res := serve(t, api, "POST /uploads?process=true")
	body := res.json(t)
	if res.status != http.StatusCreated || body["status"] != "uploaded" || body["process_error"] == nil || body["batch_id"] == nil {
		t.Errorf("%d %s", res.status, res.body)
	}
}
