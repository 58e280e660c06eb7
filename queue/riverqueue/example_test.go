package riverqueue_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

func Example() {
	dir, err := os.MkdirTemp("", "riverqueue")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(context.Background())
	q, err := riverqueue.Open(ctx, filepath.Join(dir, "queue.db"), &riverqueue.Options{
		Retry: queue.Retry{MaxAttempts: 2, Base: time.Millisecond},
	})
	if err != nil {
		panic(err)
	}
	defer q.Close()
	// The queue admits each kind and id once.
	err = q.Enqueue(ctx, queue.Job{Kind: "greet", ID: "world"}, queue.Job{Kind: "greet", ID: "world"})
	fmt.Println("enqueued:", err)

	err = q.Consume(ctx, func(_ context.Context, j queue.Job) error {
		fmt.Println(j.Key(), "attempt", j.Attempt, "of", j.MaxAttempts)
		if !j.Last() {
			return errors.New("not yet")
		}
		stop()
		return nil
	})
	fmt.Println("consumed:", err)
	// Output:
	// enqueued: <nil>
	// greet:world attempt 1 of 2
	// greet:world attempt 2 of 2
	// consumed: <nil>
}
