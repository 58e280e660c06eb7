package ledger_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/upload"
)

// A program without a queue can enter batches into the ledger itself, and check
// the ledger with Reprocess.
func Example() {
	ctx := context.Background()
	st := memstore.New()
	l := ledger.New(st, nil)
	receipt, err := upload.New(st, nil).Upload(ctx, upload.File{Body: strings.NewReader(
		"candidate_id,test_id,event_type,timestamp\n" +
			"C1,T1,started,2025-11-08T09:00:00Z\n" +
			"C2,T1,started,2025-11-08T10:00:00Z\n",
	)})
	if err != nil {
		fmt.Println(err)
		return
	}
	id := receipt.Batch.ID
	sum, _, err := l.Recount(ctx, id)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := st.Record(ctx, id, sum); err != nil {
		fmt.Println(err)
		return
	}
	if err := st.SetStatus(ctx, id, []store.Status{store.Uploaded}, store.Completed, ""); err != nil {
		fmt.Println(err)
		return
	}
	if err := st.Amend(ctx, id, metrics.Contribution{}); err != nil { // as a mistake would
		fmt.Println(err)
		return
	}
	for range 2 {
		report, err := l.Reprocess(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(report.Events, "events,", report.Drifted, "drifted,", report.Amended, "amended")
	}
	// Output:
	// 2 events, 1 drifted, 1 amended
	// 2 events, 0 drifted, 0 amended
}
