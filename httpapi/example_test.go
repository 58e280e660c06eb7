package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// A program mounts the API under a prefix of its own, and runs the service beside it.
func Example() {
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	api, err := httpapi.New(service, &httpapi.Options{Token: "secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/analytics/", http.StripPrefix("/analytics", api))
	server := httptest.NewServer(mux)
	defer server.Close()

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }() // processes the batches
	defer func() { stop(); <-ended }()

	send := func(method, path, body string) string {
		req, err := http.NewRequestWithContext(ctx, method, server.URL+"/analytics"+path, strings.NewReader(body))
		if err != nil {
			return err.Error()
		}
		req.Header.Set("Authorization", "Bearer secret")
		req.Header.Set("Content-Type", "text/csv")
		req.Header.Set("Prefer", "wait=30") // until the batch is processed
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(res.StatusCode, " ", string(answer))
	}
	const file = "candidate_id,test_id,event_type,timestamp\nC101,T1,test_started,2025-11-08T09:00:00Z\n"
	fmt.Println(send(http.MethodPost, "/uploads?process=true", file)[:3])
	fmt.Println(send(http.MethodGet, "/metrics", ""))
	// Output:
	// 201
	// 200 {"count":1,"data":[{"date":"2025-11-08","metrics":[{"event_type":"test_started","count":1}]}]}
}
