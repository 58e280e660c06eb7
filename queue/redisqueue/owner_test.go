package redisqueue_test

import (
	"context"
	"errors"
	"testing"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

func TestAQueueOfAnotherDeploymentIsRefused(t *testing.T) {
	t.Parallel()
	url := testenv.RedisURL(t)
	o := named(t, redisqueue.Options{Owner: "deployment-a"})
	mine := open(t, url, o)
	enqueue(t, mine, queue.Job{Kind: "test", ID: "1"})

	o.Owner = "deployment-b"
	if _, err := redisqueue.Open(t.Context(), url, o); !errors.Is(err, redisqueue.ErrOwner) {
		t.Errorf("Open of the queue of another deployment: %v, want ErrOwner", err)
	}
	other, err := redisqueue.New(testenv.RedisClient(t, url, nil), o) // it makes no call
	if err != nil {
		t.Fatal(err)
	}
	_, statsErr := other.Stats(t.Context())
	for what, err := range map[string]error{
		"Enqueue": other.Enqueue(t.Context(), queue.Job{Kind: "test", ID: "2"}),
		"Stats":   statsErr,
		"Consume": other.Consume(t.Context(), func(_ context.Context, j queue.Job) error {
			t.Errorf("the other deployment got job %s", j.Key())
			return nil
		}),
	} {
		if !errors.Is(err, redisqueue.ErrOwner) || errors.Is(err, queue.ErrUnavailable) {
			t.Errorf("%s of the queue of another deployment: %v, want ErrOwner", what, err)
		}
	}
	if s := stats(t, mine); s.Waiting != 1 {
		t.Errorf("Stats is %+v, want the job of this deployment alone", s)
	}
	o.Owner = "" // such as a tool that only looks
	if s := stats(t, open(t, url, o)); s.Waiting != 1 {
		t.Errorf("without an owner Stats is %+v, want 1 waiting job", s)
	}
}

func TestAQueueWithoutOwnerIsClaimed(t *testing.T) {
	t.Parallel()
	url := testenv.RedisURL(t)
	o := named(t, redisqueue.Options{})
	enqueue(t, open(t, url, o), queue.Job{Kind: "test", ID: "1"})
	o.Owner = "deployment-a"
	open(t, url, o)
	o.Owner = "deployment-b"
	if _, err := redisqueue.Open(t.Context(), url, o); !errors.Is(err, redisqueue.ErrOwner) {
		t.Errorf("Open of the queue of another deployment: %v, want ErrOwner", err)
	}
}
