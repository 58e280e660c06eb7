package redislimiter_test

import (
	"context"
	"net"
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

// startCluster starts a Redis Cluster of two nodes, with half of the slots
// each, and returns their addresses.
func startCluster(t *testing.T) []string {
	t.Helper()
	var nodes []*redis.Client
	var addrs []string
	for i := range 2 {
		bus := freePort(t)
		s := testenv.Redis(t, "--cluster-enabled", "yes", "--cluster-port", bus)
		node := connect(t, s.URL)
		if err := node.ClusterAddSlotsRange(t.Context(), i*8192, i*8192+8191).Err(); err != nil {
			t.Fatal(err)
		}
		host, port, _ := net.SplitHostPort(s.Addr)
		for _, other := range nodes {
			if err := other.Do(t.Context(), "CLUSTER", "MEET", host, port, bus).Err(); err != nil {
				t.Fatal(err)
			}
		}
		nodes, addrs = append(nodes, node), append(addrs, s.Addr)
	}
	for _, node := range nodes {
		if !eventually(func() bool {
			info := node.ClusterInfo(t.Context()).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384")
		}) {
			t.Fatalf("the cluster does not form: %s", node.ClusterInfo(t.Context()).Val())
		}
	}
	return addrs
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func TestConformanceOnRedisCluster(t *testing.T) {
	addrs := startCluster(t)
	url := "redis://" + addrs[0] + "?addr=" + addrs[1]
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
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	defer cluster.Close()
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
}
