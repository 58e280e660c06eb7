package main

import (
	"context"
	"strconv"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

type ours struct {
	url, name string
	q         *redisqueue.Queue
}

func openOurs(ctx context.Context, addr, name string) (backend, error) {
	o := &ours{url: "redis://" + addr, name: name}
	var err error
	o.q, err = redisqueue.Open(ctx, o.url, &redisqueue.Options{Name: name})
	return o, err
}

func job(n int) queue.Job { return queue.Job{Kind: "noop", ID: strconv.Itoa(n)} }

func (o *ours) enqueue(ctx context.Context, first, n int) error {
	for i := range n {
		if err := o.q.Enqueue(ctx, job(first+i)); err != nil {
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
	return o.q.Enqueue(ctx, jobs...)
}

func (o *ours) consume(ctx context.Context, c int, done func(int)) error {
	q, err := redisqueue.Open(ctx, o.url, &redisqueue.Options{Name: o.name, Workers: c})
	if err != nil {
		return err
	}
	defer q.Close() //nolint:errcheck // nothing is left in it
	return q.Consume(ctx, func(_ context.Context, j queue.Job) error {
		n, err := strconv.Atoi(j.ID)
		done(n)
		return err
	})
}

func (o *ours) close() error { return o.q.Close() }
