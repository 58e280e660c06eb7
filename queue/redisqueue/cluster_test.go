package redisqueue_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/queuetest"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

func TestOnRedisCluster(t *testing.T) {
	t.Parallel()
	c := testenv.RedisCluster(t)
	// The queues of the suite are on all masters. What lost processes leave is as
	// on one server, and takes half a minute: REDIS_TEST_URL=cluster tests it.
	h := harness(c.URL)
	h.Reopen, h.Lease = nil, 0
	t.Run("the suite", func(t *testing.T) { queuetest.Run(t, h) })
	t.Run("a lease is extended", func(t *testing.T) {
		q := open(t, c.URL, named(t, redisqueue.Options{}))
		caller := redisqueue.NewCaller(q)
		enqueue(t, q, jobs("test", 1)...)
		a := work(t, caller, 1)
		if held, err := caller.Extend(t.Context(), a.Taken[0]); err != nil || !held {
			t.Errorf("Extend: %v, %v", held, err)
		}
	})
	t.Run("a URL of one node finds the cluster", func(t *testing.T) {
		for _, node := range c.Nodes { // a replica too
			var log lines
			q := open(t, node.URL, named(t, redisqueue.Options{Logger: log.logger()}))
			if _, ok := q.Client().(*redis.ClusterClient); !ok {
				t.Errorf("the client is a %T", q.Client())
			}
			enqueue(t, q, jobs("test", 1)...)
			if n := log.count("one node of a Redis Cluster"); n != 1 {
				t.Errorf("the log warns %d times, want once:\n%s", n, log.String())
			}
		}
	})
	t.Run("a client of one node is refused in words", func(t *testing.T) {
		for _, node := range c.Nodes[3:] { // a replica has no slot
			q, err := redisqueue.New(testenv.RedisClient(t, node.URL, nil), named(t, redisqueue.Options{}))
			if err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{
				"Enqueue": q.Enqueue(t.Context(), jobs("test", 1)...),
				"Consume": q.Consume(t.Context(), func(context.Context, queue.Job) error { return nil }),
			} {
				if err == nil || errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), "addr") {
					t.Errorf("%s: %v; want an error that names the parameter addr, and that is not ErrUnavailable", what, err)
				}
			}
		}
	})
	t.Run("another database is refused in words", func(t *testing.T) {
		for _, url := range []string{c.Nodes[0].URL + "3", strings.Replace(c.URL, "?", "/3?", 1)} {
			q, err := redisqueue.Open(t.Context(), url, named(t, redisqueue.Options{}))
			if err == nil {
				t.Error("a cluster has no database 3, and the queue opened in it", q.Close())
			}
			if errors.Is(err, queue.ErrUnavailable) {
				t.Errorf("Open of the database 3: %v, want an error that is not ErrUnavailable", err)
			}
		}
	})
}
