package memqueue_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
)

func Example() {
	q := memqueue.New(&memqueue.Options{Retry: queue.Retry{MaxAttempts: 2, Base: time.Millisecond}})
	ctx, stop := context.WithCancel(context.Background())
	// The queue has each kind and id once.
	_ = q.Enqueue(ctx, queue.Job{Kind: "greet", ID: "world"}, queue.Job{Kind: "greet", ID: "world"})

	err := q.Consume(ctx, func(_ context.Context, j queue.Job) error {
		fmt.Println(j.Key(), "attempt", j.Attempt, "of", j.MaxAttempts)
		if !j.Last() {
			return errors.New("not yet")
		}
		stop()
		return nil
	})
	fmt.Println("consumed:", err)
	// Output:
	// greet:world attempt 1 of 2
	// greet:world attempt 2 of 2
	// consumed: <nil>
}
