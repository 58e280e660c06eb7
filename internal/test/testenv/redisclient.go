package testenv

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisClient returns a client, of a cluster if the URL is of one, that ends with
// the test. A dial other than nil makes its connections.
func RedisClient(t testing.TB, url string, dial func(ctx context.Context, network, addr string) (net.Conn, error)) redis.UniversalClient {
	t.Helper()
	var client redis.UniversalClient
	if strings.Contains(url, "addr=") {
		o, err := redis.ParseClusterURL(url)
		if err != nil {
			t.Fatal(err)
		}
		o.ContextTimeoutEnabled, o.Dialer, o.ClusterStateReloadInterval = true, dial, time.Second
		client = redis.NewClusterClient(o)
	} else {
		o, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		o.ContextTimeoutEnabled, o.Dialer = true, dial
		client = redis.NewClient(o)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
