package upload_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/upload"
)

// A program that only stores events needs a store and an Uploader.
func Example() {
	ctx := context.Background()
	u := upload.New(memstore.New(), nil)
	receipt, err := u.Upload(ctx, upload.File{Name: "events.csv", Body: strings.NewReader(
		"candidate_id,test_id,event_type,timestamp\n" +
			"C1,T1,started,2025-11-08T09:00:00Z\n" +
			"C2,T1,started,yesterday\n",
	)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receipt.Batch.Status, receipt.Batch.AcceptedRows, "accepted", receipt.Batch.RejectedRows, "rejected")
	for _, e := range receipt.Errors {
		fmt.Println("line", e.Line, e.Column, e.Code)
	}
	// Output:
	// uploaded 1 accepted 1 rejected
	// line 3 timestamp bad_timestamp
}
