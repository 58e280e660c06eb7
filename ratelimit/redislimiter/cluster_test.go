package redislimiter_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/ratelimittest"
	"github.com/eventmetrics/eventmetrics/ratelimit/redislimiter"
)

func TestConformanceOnRedisCluster(t *testing.T) {
	c := testenv.RedisCluster(t)
	url := c.URL
	ratelimittest.Run(t, ratelimittest.Harness{
		Window: 200 * time.Millisecond,
		Open: func(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter {
			return open(t, url, &redislimiter.Options{Limit: limit, Window: window, Prefix: testenv.Name(t)})
		},
		OpenPair: func(t testing.TB, limit int64, window time.Duration) (a, b ratelimit.Limiter) {
			o := &redislimiter.Options{Limit: limit, Window: window, Prefix: testenv.Name(t)}
			return open(t, url, o), open(t, url, o)
		},
	})
	// The keys are spread, and so the nodes have learnt the scripts by themselves.
	cluster := testenv.RedisClient(t, url, nil).(*redis.ClusterClient)
	err := cluster.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		if n := node.DBSize(ctx).Val(); n == 0 {
			t.Errorf("node %s has no key", node.Options().Addr)
		}
		return node.ScriptFlush(ctx).Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, url, &redislimiter.Options{Prefix: testenv.Name(t)})
	for i := range 20 {
		ask(t, l, strconv.Itoa(i))
	}
	single := open(t, c.Nodes[5].URL, &redislimiter.Options{Prefix: testenv.Name(t)}) // a replica has no slot
	if _, err := single.Allow(t.Context(), "k"); !errors.Is(err, ratelimit.ErrUnavailable) || !strings.Contains(err.Error(), "addr") {
		t.Errorf("with the URL of one node: %v; want ErrUnavailable that names the parameter addr", err)
	}
}
