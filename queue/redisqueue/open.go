package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/redisdial"
)

// Open returns a queue with a client of its own, for the Redis at url, which
// must answer within CallTimeout. Close the queue after use. Options may be
// nil. An error is a [queue.ErrUnavailable] if Redis cannot be reached, and
// never cites the URL. To start without Redis, use [New].
//
// The URL has the form redis://user:password@host:port/database, with the
// scheme rediss for TLS, or unix://user:password@/path?db=database, and may
// have the parameters that go-redis knows. With the parameter addr, once for
// each further node (or for the first again), it is that of a Redis Cluster.
// With the parameter master_name it is that of Sentinels, with their user and
// password; those of Redis itself are the parameters username and password.
func Open(ctx context.Context, url string, o *Options) (*Queue, error) {
	client, err := redisdial.Dial(url, 0)
	if err != nil {
		return nil, fmt.Errorf("redisqueue: %w", err)
	}
	q, err := New(client, o)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	q.owned = true
	if err := q.greet(ctx); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

// greet checks that Redis is there and looks whether it is fit.
func (q *Queue) greet(ctx context.Context) error {
	notReady, err := ask(ctx, q, q.opts.CallTimeout, "reach Redis", func(ctx context.Context) (reply, err error) {
		err = q.client.Ping(ctx).Err()
		if err != nil && isReply(err) && !isLasting(err) {
			return err, nil // it is there and will be ready, as when it loads its data
		}
		return nil, err
	})
	if err != nil {
		return err
	}
	if notReady != nil {
		q.unreachable(ctx, notReady)
		return nil
	}
	info, err := ask(ctx, q, q.opts.CallTimeout, "read policy", func(ctx context.Context) (string, error) {
		return q.client.Info(ctx, "memory").Result()
	})
	policy := infoField(info, "maxmemory_policy")
	if err == nil && policy != "" && policy != "noeviction" {
		q.opts.Logger.WarnContext(ctx, "queue may lose jobs when memory is full: set maxmemory-policy to noeviction", "queue", q.opts.Name, "policy", policy)
	}
	return nil // some services do not tell
}

func infoField(info, name string) string {
	_, after, _ := strings.Cut(info, name+":")
	value, _, _ := strings.Cut(after, "\r\n")
	return value
}
