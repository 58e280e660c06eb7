package main

import (
	"context"
	"strconv"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

// ours is a queue of this project.
type ours struct {
	queue.Queue
	closeFunc func() error
}

func openOurs(ctx context.Context, addr, name string, workers int) (backend, error) {
	q, err := redisqueue.Open(ctx, "redis://"+addr, &redisqueue.Options{Name: name, Workers: workers})
	if err != nil {
		return nil, err
	}
	return &ours{q, q.Close}, nil
}

func openRiver(ctx context.Context, path string, workers int) (backend, error) {
	q, err := riverqueue.Open(ctx, path, &riverqueue.Options{Workers: workers})
	if err != nil {
		return nil, err
	}
	return &ours{q, q.Close}, nil
}

func job(n int) queue.Job { return queue.Job{Kind: "noop", ID: strconv.Itoa(n)} }

func (o *ours) enqueue(ctx context.Context, first, n int) error {
	for i := range n {
		if err := o.Enqueue(ctx, job(first+i)); err != nil {
			return err
		}
	}
	return nil
}

func (o *ours) bulk(ctx context.Context, first, n int) error {
	jobs := make([]queue.Job, n)
	for i := range jobs {
		jobs[i] = job(first + i)
	}
	return o.Enqueue(ctx, jobs...)
}

func (o *ours) consume(ctx context.Context, done func(int)) error {
	return o.Consume(ctx, func(_ context.Context, j queue.Job) error {
		n, err := strconv.Atoi(j.ID)
		done(n)
		return err
	})
}

func (o *ours) close() error { return o.closeFunc() }
