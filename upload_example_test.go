package eventmetrics_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func ExampleService_DryRun() {
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	preview, err := service.DryRun(context.Background(), eventmetrics.File{Body: strings.NewReader(exampleFile)})
	fmt.Println(preview.AcceptedRows, preview.RejectedRows, err)
	for _, c := range preview.Changes {
		fmt.Println(c.Day, c.Type, c.Before, "->", c.After)
	}
	for _, group := range preview.Errors {
		fmt.Println(group.Count, group.Code, "first on line", group.First.Line)
	}
	// Output:
	// 2 1 <nil>
	// 2025-11-08 started 0 -> 2
	// 1 bad_timestamp first on line 4
}

func ExampleTolerance() {
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	for _, tolerance := range []eventmetrics.Tolerance{{MaxErrors: 1}, {MaxErrorRatio: 0.1}, {Strict: true}} {
		_, err := service.Upload(context.Background(), eventmetrics.File{Body: strings.NewReader(exampleFile), Tolerance: tolerance, AllowDuplicate: true})
		var refused *eventmetrics.ToleranceError
		fmt.Println(errors.As(err, &refused), err)
	}
	// Output:
	// false <nil>
	// true eventmetrics: 1 of 3 rows rejected, more than max_error_ratio=0.1
	// true eventmetrics: 1 of 3 rows rejected, none may be (strict)
}

func ExampleService_RepairStatus() {
	ctx := context.Background()
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	receipt, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(exampleFile)})
	if err != nil {
		fmt.Println(err)
		return
	}
	var repair bytes.Buffer
	for chunk, err := range service.RepairFile(ctx, receipt.Batch.ID) {
		if err != nil {
			fmt.Println(err)
			return
		}
		repair.Write(chunk)
	}
	corrected := strings.Replace(repair.String(), "yesterday", "2025-11-07", 1)
	second, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(corrected), RepairOf: receipt.Batch.ID})
	fmt.Println(second.Batch.AcceptedRows, err)
	repairs, err := service.RepairStatus(ctx, receipt.Batch.ID)
	fmt.Println(repairs.Batches, "batch,", repairs.Open(receipt.Batch.RejectedRows), "rows still open,", err)
	// Output:
	// 1 <nil>
	// 1 batch, 0 rows still open, <nil>
}

// The day or the month may come first in dates such as 03/04/2025.
func ExampleFile_dateOrder() {
	const file = "candidate_id,test_id,event_type,timestamp\nC1,T1,started,03/04/2025\n"
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	for _, order := range []ingest.DateOrder{ingest.FindOrder, ingest.DayFirst} {
		receipt, err := service.Upload(context.Background(), eventmetrics.File{Body: strings.NewReader(file), DateOrder: order})
		var ambiguous *ingest.AmbiguousTimeError
		fmt.Println(errors.As(err, &ambiguous), receipt.Batch.AcceptedRows)
	}
	// Output:
	// true 0
	// false 1
}

func ExampleOptions_schemas() {
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{
		Schemas: map[string]ingest.Schema{"visits": {
			EventType: "kind", Time: "at", Required: []string{"page"},
			Rules: []ingest.Rule{
				{Column: "kind", Enum: []string{"view", "click"}},
				{Column: "page", MaxLength: 4, Warn: true, Code: "long_page"},
			},
		}},
	})
	const file = "kind,at,page\nview,2025-11-08,/a\nclick,2025-11-08,/about\nhover,2025-11-08,/a\n"
	receipt, err := service.Upload(context.Background(), eventmetrics.File{Body: strings.NewReader(file), Schema: "visits"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receipt.Batch.AcceptedRows, receipt.Errors[0].Message)
	fmt.Println(receipt.Warnings[0].Code, receipt.Warnings[0].Count)
	// Output:
	// 2 kind is none of view, click
	// long_page 1
}

func ExampleService_Query() {
	ctx := context.Background()
	service := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	receipt, err := service.Upload(ctx, eventmetrics.File{Body: strings.NewReader(exampleFile)})
	if err != nil {
		fmt.Println(err)
		return
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error)
	go func() { done <- service.Run(running) }()
	_ = service.Process(ctx, receipt.Batch.ID)
	_, _ = service.Wait(ctx, receipt.Batch.ID)
	day, _ := metrics.ParseDay("2025-11-08")
	result, err := service.Query(ctx, series.Query{
		From: day, To: day, Uniques: true, Compare: series.PreviousPeriod, Finality: true,
	})
	for _, b := range result.Buckets {
		fmt.Println(b.Type, b.Count, "of", b.Uniques(), "candidates, before:", b.Previous, b.Finality)
	}
	stop()
	fmt.Println(err, <-done)
	// Output:
	// started 2 of 2 candidates, before: 0 settled
	// <nil> <nil>
}
