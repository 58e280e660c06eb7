package main

import (
	"context"
	"strconv"

	"github.com/hibiken/asynq"
)

type theirs struct {
	addr, name string
	workers    int
	client     *asynq.Client
}

func openAsynq(_ context.Context, addr, name string, workers int) (backend, error) {
	return &theirs{addr, name, workers, asynq.NewClient(asynq.RedisClientOpt{Addr: addr})}, nil
}

// enqueue names each job, so that both queues admit it once.
func (t *theirs) enqueue(ctx context.Context, first, n int) error {
	for i := range n {
		id := strconv.Itoa(first + i)
		if _, err := t.client.EnqueueContext(ctx, asynq.NewTask("noop", []byte(id)), asynq.TaskID(id), asynq.Queue(t.name)); err != nil {
			return err
		}
	}
	return nil
}

// bulk is enqueue: asynq has no other.
func (t *theirs) bulk(ctx context.Context, first, n int) error { return t.enqueue(ctx, first, n) }

func (t *theirs) consume(ctx context.Context, done func(int)) error {
	server := asynq.NewServer(asynq.RedisClientOpt{Addr: t.addr}, asynq.Config{
		Concurrency: t.workers, Queues: map[string]int{t.name: 1}, LogLevel: asynq.FatalLevel,
	})
	err := server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		n, err := strconv.Atoi(string(task.Payload()))
		done(n)
		return err
	}))
	if err != nil {
		return err
	}
	<-ctx.Done()
	server.Shutdown()
	return nil
}

func (t *theirs) close() error { return t.client.Close() }
