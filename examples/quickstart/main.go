// Command quickstart uploads a file, processes it, and prints its daily
// metrics, all in one process and one directory.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

const events = `candidate_id,test_id,event_type,timestamp
C101,T1,test_started,2025-11-08T09:00:00Z
C102,T1,test_started,2025-11-08T10:30:00Z
C101,T1,test_completed,2025-11-09T09:45:00Z
`

func main() {
	dir, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(context.Background(), dir, os.Stdout); err != nil {
		log.Println(err)
	}
}

func run(ctx context.Context, dir string, out io.Writer) (err error) {
	st, err := sqlitestore.Open(ctx, filepath.Join(dir, "events.db"), nil)
	if err != nil {
		return err
	}
	defer st.Close()
	q, err := riverqueue.Open(ctx, filepath.Join(dir, "queue.db"), nil)
	if err != nil {
		return err
	}
	defer q.Close()

	service := eventmetrics.New(st, q, nil)
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { // processes batches until ctx ends
		defer stop() // or Wait would wait for a Run that has failed
		ended <- service.Run(ctx)
	}()
	defer func() { stop(); err = errors.Join(err, <-ended) }() // before q.Close

	// Upload returns when the valid rows are durable. They count once the batch
	// is processed.
	receipt, err := service.Upload(ctx, eventmetrics.File{Name: "events.csv", Body: strings.NewReader(events)})
	if err != nil {
		return err
	}
	if receipt.Batch.Status == store.Uploaded { // or the file was uploaded before
		if err := service.Process(ctx, receipt.Batch.ID); err != nil {
			return err
		}
	}
	if _, err := service.Wait(ctx, receipt.Batch.ID); err != nil {
		return err
	}

	// The zero Query means: every event type, by day, in UTC.
	result, err := service.Query(ctx, series.Query{Uniques: true})
	if err != nil {
		return err
	}
	for _, b := range result.Buckets {
		fmt.Fprintln(out, b.Start.Format("2006-01-02"), b.Type, b.Count, b.Uniques())
	}
	return nil
}
