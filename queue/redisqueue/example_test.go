package redisqueue_test

import (
	"context"
	"fmt"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// The jobs of one deployment are those of one Owner; several processes share them.
func Example() { //nolint:testableexamples // it needs a Redis at this address
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	q, err := redisqueue.Open(ctx, "redis://127.0.0.1:6379/0", &redisqueue.Options{Owner: "reports", Workers: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer q.Close()
	if err := q.Enqueue(ctx, queue.Job{Kind: "greet", ID: "world"}); err != nil {
		fmt.Println(err) // queue.ErrUnavailable if there is no server
		return
	}
	err = q.Consume(ctx, func(_ context.Context, j queue.Job) error {
		fmt.Println(j.Key(), "attempt", j.Attempt)
		stop()
		return nil
	})
	fmt.Println(err)
}
