package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func Example() {
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			fmt.Println(err)
		}
	}()
	api, err := httpapi.New(service, options())
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := newMux(api)
	send := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "text/csv")
		r.Header.Set("Prefer", "wait=10")
		r.SetBasicAuth("alice", "")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	const file = "candidate_id,test_id,event_type,timestamp\nC1,T1,started,2025-11-08\n"
	up := send(http.MethodPost, "/analytics/uploads?process=true", file)
	fmt.Println(up.Code, strings.HasPrefix(up.Header().Get("Location"), "/analytics/batches/"))
	fmt.Print(send(http.MethodGet, "/analytics/metrics", "").Body)
	// Output:
	// 201 true
	// {"count":1,"data":[{"date":"2025-11-08","metrics":[{"event_type":"started","count":1}]}]}
}
