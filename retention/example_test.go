package retention_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/retention"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/upload"
)

// An erasure removes the events of one subject from all batches.
func Example() {
	ctx := context.Background()
	st := memstore.New()
	sums := metrics.AggregatorOptions{Subject: "candidate_id"}
	u := upload.New(st, &upload.Options{Sums: sums})
	e := retention.New(st, ledger.New(st, &ledger.Options{Sums: sums}), &retention.Options{Sums: sums})
	_, err := u.Upload(ctx, upload.File{Body: strings.NewReader(
		"candidate_id,test_id,event_type,timestamp\n" +
			"C1,T1,started,2025-11-08T09:00:00Z\n" +
			"C2,T1,started,2025-11-08T10:00:00Z\n",
	)})
	if err != nil {
		fmt.Println(err)
		return
	}
	receipt, err := e.Erase(ctx, retention.Erasure{Subject: "C1", Counts: retention.SubtractCounts})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receipt.Changed, "batch,", receipt.Events, "event, complete:", receipt.Complete())
	// Output:
	// 1 batch, 1 event, complete: true
}
