package eventmetrics_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/examples/customqueue"
	"github.com/eventmetrics/eventmetrics/examples/customstore"
	"github.com/eventmetrics/eventmetrics/metrics"
)

const exampleFile = `candidate_id,test_id,event_type,timestamp
C1,T1,started,2025-11-08T09:00:00Z
C2,T1,started,2025-11-08T18:30:00Z
C3,T1,started,yesterday
`

func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	service := eventmetrics.New(customstore.New(), customqueue.New(nil), nil)
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()

	receipt, err := service.Upload(ctx, eventmetrics.File{Name: "events.csv", Body: strings.NewReader(exampleFile)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receipt.Batch.Events, "accepted,", receipt.Batch.Failed, "rejected: line", receipt.Errors[0].Line, receipt.Errors[0].Code)
	if err := service.Process(ctx, receipt.Batch.ID); err != nil {
		fmt.Println(err)
		return
	}
	batch, err := service.Wait(ctx, receipt.Batch.ID)
	fmt.Println(batch.Status, err)

	kathmandu := time.FixedZone("Asia/Kathmandu", 5*3600+45*60)
	buckets, err := service.Series(ctx, metrics.Series{Zone: kathmandu})
	for _, b := range buckets {
		fmt.Println(b.Start.Format(time.RFC3339), b.Type, b.Count)
	}
	fmt.Println(err)
	stop()
	fmt.Println(<-done)
	// Output:
	// 2 accepted, 1 rejected: line 4 bad_timestamp
	// completed <nil>
	// 2025-11-08T00:00:00+05:45 started 1
	// 2025-11-09T00:00:00+05:45 started 1
	// <nil>
	// <nil>
}

func ExampleWithRequestID() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "batch" { // these differ each time
			return slog.Attr{}
		}
		return a
	}}))
	service := eventmetrics.New(customstore.New(), customqueue.New(nil), &eventmetrics.Options{Logger: logger})
	ctx := eventmetrics.WithRequestID(context.Background(), "req-1")
	if _, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(exampleFile)}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// level=INFO msg="batch uploaded" events=2 failed=1 request_id=req-1
}
