package eventmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

const exampleFile = `candidate_id,test_id,event_type,timestamp
C1,T1,started,2025-11-08T09:00:00Z
C2,T1,started,2025-11-08T18:30:00Z
C3,T1,started,yesterday
`

func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()

	receipt, err := service.Upload(ctx, eventmetrics.File{Name: "events.csv", Body: strings.NewReader(exampleFile)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receipt.Batch.AcceptedRows, "accepted,", receipt.Batch.RejectedRows, "rejected: line", receipt.Errors[0].Line, receipt.Errors[0].Code)
	if err := service.Process(ctx, receipt.Batch.ID); err != nil {
		fmt.Println(err)
		return
	}
	batch, err := service.Wait(ctx, receipt.Batch.ID)
	fmt.Println(batch.Status, err)

	kathmandu := time.FixedZone("Asia/Kathmandu", 5*3600+45*60)
	result, err := service.Query(ctx, series.Query{Zone: kathmandu})
	for _, b := range result.Buckets {
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

func ExampleService_Query_dimensions() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{
		Dimensions: []string{"test_id", "country"},
	})
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	file := "candidate_id,test_id,event_type,timestamp,country\n" +
		"C1,T1,started,2025-11-08T09:00:00Z,np\nC2,T1,started,2025-11-08T10:00:00Z,de\nC3,T2,started,2025-11-08T11:00:00Z,np\n"
	receipt, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(file)})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := service.Process(ctx, receipt.Batch.ID); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := service.Wait(ctx, receipt.Batch.ID); err != nil {
		fmt.Println(err)
		return
	}
	result, err := service.Query(ctx, series.Query{
		GroupBy: []string{"test_id"},
		Where:   map[string][]string{"country": {"np"}},
	})
	for _, b := range result.Buckets {
		fmt.Println(b.Start.Format(time.DateOnly), b.Type, b.Group, b.Count)
	}
	fmt.Println(result.Unattributed, "unattributed", err)
	_, err = service.Query(ctx, series.Query{GroupBy: []string{"tset_id"}})
	fmt.Println(err)
	stop()
	fmt.Println(<-done)
	// Output:
	// 2025-11-08 started [T1] 1
	// 2025-11-08 started [T2] 1
	// 0 unattributed <nil>
	// eventmetrics: unknown dimension "tset_id"; there are test_id, country
	// <nil>
}

func ExampleOptions_beforeAccept() {
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{
		BeforeAccept: func(_ context.Context, e *metrics.Event) error {
			if !strings.HasPrefix(e.Field("candidate_id"), "C") {
				return errors.New("candidate_id does not begin with C")
			}
			return nil
		},
	})
	file := exampleFile + "X4,T1,started,2025-11-08T19:00:00Z\n"
	receipt, err := service.Upload(context.Background(), eventmetrics.File{Body: strings.NewReader(file)})
	fmt.Println(receipt.Batch.AcceptedRows, "accepted", err)
	fmt.Println(receipt.Errors[1].Row, receipt.Errors[1].Code, receipt.Errors[1].Message)
	// Output:
	// 2 accepted <nil>
	// 4 rejected candidate_id does not begin with C
}

func ExampleService_ApplyRetention() {
	now := time.Date(2025, 11, 9, 0, 0, 0, 0, time.UTC)
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{
		Retention: eventmetrics.Retention{Rejected: 30 * 24 * time.Hour},
		Now:       func() time.Time { return now },
	})
	ctx := context.Background()
	if _, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(exampleFile)}); err != nil {
		fmt.Println(err)
	}
	now = now.AddDate(0, 0, 31)
	for _, dryRun := range []bool{true, false, true} {
		r, err := service.ApplyRetention(ctx, dryRun)
		fmt.Println("dry run:", dryRun, "rejected rows:", r.Rows, err)
	}
	// Output:
	// dry run: true rejected rows: 1 <nil>
	// dry run: false rejected rows: 1 <nil>
	// dry run: true rejected rows: 0 <nil>
}

func ExampleService_Erase() {
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	ctx := context.Background()
	if _, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(exampleFile)}); err != nil {
		fmt.Println(err)
	}
	for range 2 {
		receipt, err := service.Erase(ctx, eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.SubtractCounts})
		fmt.Println(receipt.Events, "events erased, complete:", receipt.Complete(), err)
	}
	// Output:
	// 1 events erased, complete: true <nil>
	// 0 events erased, complete: true <nil>
}

func ExampleOptions_afterCompleted() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	told := make(chan store.Batch, 1)
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{
		AfterCompleted: func(_ context.Context, b store.Batch) {
			select {
			case told <- b:
			default: // it may be told of a batch again
			}
		},
	})
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	receipt, err := service.Upload(ctx, eventmetrics.File{Name: "events.csv", Body: strings.NewReader(exampleFile)})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := service.Process(ctx, receipt.Batch.ID); err != nil {
		fmt.Println(err)
		return
	}
	b := <-told
	fmt.Println(b.FileName, b.Status, b.AcceptedRows)
	stop()
	fmt.Println(<-done)
	// Output:
	// events.csv completed 2
	// <nil>
}

func ExampleWithRequestID() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "batch" { // these differ each time
			return slog.Attr{}
		}
		return a
	}}))
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{Logger: logger})
	ctx := eventmetrics.WithRequestID(context.Background(), "req-1")
	if _, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(exampleFile)}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// level=INFO msg="batch uploaded" events=2 failed=1 duplicates=0 request_id=req-1
}

func ExampleService_Audit() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	st := memstore.New()
	service := eventmetrics.New(st, memqueue.New(nil), nil)
	done := make(chan error)
	go func() { done <- service.Run(ctx) }() // makes a round each ten minutes

	receipt, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(exampleFile)})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = service.Process(ctx, receipt.Batch.ID)
	_, _ = service.Wait(ctx, receipt.Batch.ID)
	_ = st.Amend(ctx, receipt.Batch.ID, nil) // as a mistake would
	integrity, err := service.Audit(ctx)
	fmt.Println("ok:", integrity.OK, err)
	for _, d := range integrity.Drifts {
		fmt.Printf("%s: %d in the ledger, %d events\n", d.Cause, d.Ledger, d.Events)
	}
	stop()
	fmt.Println(<-done)
	// Output:
	// ok: false <nil>
	// missing_in_ledger: 0 in the ledger, 2 events
	// <nil>
}

func ExampleService_Query_asOf() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()

	early := time.Now().Add(-time.Hour)
	receipt, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(exampleFile)})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = service.Process(ctx, receipt.Batch.ID)
	_, _ = service.Wait(ctx, receipt.Batch.ID)
	day, _ := metrics.ParseDay("2025-11-08")
	for _, asOf := range []time.Time{{}, early} {
		result, err := service.Query(ctx, series.Query{From: day, To: day, AsOf: asOf})
		fmt.Println(len(result.Buckets), result.Finality, err)
	}
	stop()
	fmt.Println(<-done)
	// Output:
	// 1 settled <nil>
	// 0 settled <nil>
	// <nil>
}
