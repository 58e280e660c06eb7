package redislimiter_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/ratelimit/redislimiter"
)

// cut is a connection that breaks, as long as it is told to, between what Redis
// did and its answer.
type cut struct {
	net.Conn
	losing  *atomic.Bool
	counted bool
}

func (c *cut) Write(b []byte) (int, error) {
	c.counted = bytes.Contains(bytes.ToLower(b), []byte("evalsha"))
	return c.Conn.Write(b)
}

func (c *cut) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.counted && err == nil && c.losing.Load() {
		return 0, errors.Join(errors.New("connection reset"), c.Close())
	}
	return n, err
}

func TestALostAnswerDoesNotCountTwice(t *testing.T) {
	s := testenv.Redis(t)
	var losing atomic.Bool
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return &cut{Conn: conn, losing: &losing}, err
	}
	var nodes []string
	for _, node := range testenv.RedisCluster(t).Nodes {
		nodes = append(nodes, node.Addr)
	}
	for name, client := range map[string]redis.UniversalClient{ // which send again what was lost
		"one Redis": redis.NewClient(&redis.Options{Addr: s.Addr, Dialer: dial, MaxRetries: 3}),
		"a ring":    redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": s.Addr}, Dialer: dial, MaxRetries: 3}),
		"Redis Cluster": redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: nodes, Dialer: dial, MaxRetries: 3,
		}),
	} {
		t.Run(name, func(t *testing.T) {
			defer client.Close()
			l, err := redislimiter.New(client, &redislimiter.Options{Limit: 10, Window: time.Hour, Prefix: testenv.Name(t)})
			if err != nil {
				t.Fatal(err)
			}
			ask(t, l, "k") // teaches Redis the script
			losing.Store(true)
			if d, err := l.Allow(t.Context(), "k"); err == nil {
				t.Fatalf("an answer that was lost: %+v", d)
			}
			losing.Store(false)
			if d := ask(t, l, "k"); d.Remaining != 7 {
				t.Errorf("after two answers and a lost one, %d of 10 remain, want 7", d.Remaining)
			}
		})
	}
}
