package memstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// The life of a batch: uploaded, recorded, completed, deleted.
func Example() {
	if err := run(context.Background(), memstore.New()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// uploaded: 2 events
	// 2025-11-08 clicked 2
	// completed
	// deleted
}

func run(ctx context.Context, st store.Store) error {
	noon := time.Date(2025, 11, 8, 12, 0, 0, 0, time.UTC)
	events := []metrics.Event{
		{Row: 1, Type: "clicked", Time: noon},
		{Row: 2, Type: "clicked", Time: noon.Add(time.Minute)},
	}
	b, err := upload(ctx, st, "01998f3c-0000-7000-8000-000000000001", events)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d events\n", b.Status, b.AcceptedRows)

	pending, err := st.Pending(ctx, b.ID)
	if err != nil {
		return err
	}
	if err := st.Record(ctx, b.ID, pending); err != nil {
		return err
	}
	if err := show(ctx, st); err != nil {
		return err
	}
	if err := st.SetStatus(ctx, b.ID, []store.Status{store.Uploaded}, store.Completed, ""); err != nil {
		return err
	}
	fmt.Println(store.Completed)
	if err := st.DeleteBatch(ctx, b.ID); err != nil {
		return err
	}
	fmt.Println("deleted")
	return show(ctx, st)
}

func upload(ctx context.Context, st store.Store, id string, events []metrics.Event) (store.Batch, error) {
	w, err := st.Begin(ctx, id)
	if err != nil {
		return store.Batch{}, err
	}
	defer w.Abort(ctx)
	if err := w.Write(ctx, events); err != nil {
		return store.Batch{}, err
	}
	sum := metrics.NewAggregator(nil)
	for i := range events {
		if err := sum.Add(&events[i]); err != nil {
			return store.Batch{}, err
		}
	}
	return w.Commit(ctx, store.Batch{FileName: "clicks.csv", Created: time.Now()}, sum.Contribution())
}

func show(ctx context.Context, st store.Store) error {
	for d, err := range st.DayCounts(ctx, metrics.Filter{}) {
		if err != nil {
			return err
		}
		fmt.Println(d.Day, d.Type, d.Count)
	}
	return nil
}
