package sqlitestore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

func ExampleOpen() {
	if err := example(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// results.csv: 2 events, uploaded
	// 2025-11-08 test_started 2
}

func example(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sqlitestore")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	st, err := sqlitestore.Open(ctx, filepath.Join(dir, "events.db"), nil)
	if err != nil {
		return err
	}
	defer st.Close()

	w, err := st.Begin(ctx, "0199c3a0-0000-7000-8000-000000000001")
	if err != nil {
		return err
	}
	defer w.Abort(ctx)
	at := time.Date(2025, 11, 8, 9, 0, 0, 0, time.UTC)
	sum := metrics.NewAggregator(nil)
	for row := range int64(2) {
		e := metrics.Event{Row: row + 1, Type: "test_started", Time: at}
		if err := w.Write(ctx, []metrics.Event{e}); err != nil {
			return err
		}
		if err := sum.Add(&e); err != nil {
			return err
		}
	}
	b, err := w.Commit(ctx, store.Batch{FileName: "results.csv", Created: at}, nil)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d events, %s\n", b.FileName, b.AcceptedRows, b.Status)

	if err := st.Record(ctx, b.ID, sum.Contribution()); err != nil {
		return err
	}
	for d, err := range st.DayCounts(ctx, metrics.Filter{}) {
		if err != nil {
			return err
		}
		fmt.Println(d.Day, d.Type, d.Count)
	}
	return nil
}
