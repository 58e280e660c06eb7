package redisqueue_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/queuetest"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// startCluster starts a Redis Cluster of one node, which refuses a script with
// keys that are not in one slot, or not said, like any.
func startCluster(t *testing.T) *testenv.Server {
	t.Helper()
	s := testenv.Redis(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t))
	node := connect(t, s.URL)
	if err := node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster is ready", func() bool {
		return strings.Contains(node.ClusterInfo(t.Context()).Val(), "cluster_state:ok")
	})
	return s
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
	t.Parallel()
	s := startCluster(t)
	queuetest.Run(t, queuetest.Harness{
		Open: func(t *testing.T, settings queuetest.Settings) queue.Queue {
			o := options(settings)
			q := open(t, s.URL+"?addr="+s.Addr, named(t, o))
			if _, ok := q.Client().(*redis.ClusterClient); !ok {
				t.Fatalf("the client is a %T", q.Client())
			}
			return q
		},
		DoneWindow: true,
	})
}

func TestALeaseIsExtendedOnRedisCluster(t *testing.T) {
	t.Parallel()
	s := startCluster(t)
	q := open(t, s.URL+"?addr="+s.Addr, nil)
	c := redisqueue.NewCaller(q)
	enqueue(t, q, jobs("test", 1)...)
	a := work(t, c, 1)
	if held, err := c.Extend(t.Context(), a.Taken[0]); err != nil || !held {
		t.Errorf("Extend: %v, %v", held, err)
	}
}
