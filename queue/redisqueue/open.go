package redisqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/driver/redisdial"
)

// Open returns a queue with a client of its own, for the Redis at url. Redis must
// answer within CallTimeout; use [New] to start without it. Options may be nil.
// The caller must Close the queue. No error cites the URL. Errors:
// queue.ErrUnavailable, [ErrOwner].
//
// The URL has the form redis://user:password@host:port/database, with the
// scheme rediss for TLS, or unix://user:password@/path?db=database. It may have
// the parameters of go-redis. It is the URL of a Redis Cluster if it has the
// parameter addr, once per further node, or with the first node again. If it has
// not, and its server is a node of a cluster, Open uses the cluster, and warns that
// only this node is known at the start. It is the URL of Sentinels if it has the
// parameter master_name. User and password are those of the Sentinels then, and
// the parameters username and password those of Redis.
func Open(ctx context.Context, url string, o *Options) (*Queue, error) {
	opts := o.withDefaults()
	url, found, err := clusterOf(ctx, url, &opts)
	if err != nil {
		return nil, fmt.Errorf("redisqueue: %w", err)
	}
	client, err := redisdial.Dial(url, 0)
	if err != nil {
		return nil, fmt.Errorf("redisqueue: %w", err)
	}
	q, err := New(client, &opts)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	q.owned = true
	if found {
		q.opts.Logger.WarnContext(ctx, "the URL names one node of a Redis Cluster: name others with the parameter addr, so that the queue opens without this node", "queue", q.opts.Name)
	}
	if err := q.check(ctx); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

// clusterOf returns the URL of the cluster that a URL names one node of, or the URL.
func clusterOf(ctx context.Context, url string, o *Options) (string, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, o.CallTimeout)
	defer cancel()
	return redisdial.Cluster(ctx, url)
}

// check checks that Redis answers, and warns of an unsuitable configuration.
func (q *Queue) check(ctx context.Context) error {
	notReady, err := ask(ctx, q, q.opts.CallTimeout, "reach Redis", func(ctx context.Context) (reply, err error) {
		err = q.client.Ping(ctx).Err()
		if err != nil && isReply(err) && !isLasting(err) {
			return err, nil // it will be ready later, as after loading its data
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
	// If memory is full, the first Enqueue claims the queue.
	if _, err := q.eval(ctx, "claim queue", q.script.claim, ""); errors.Is(err, ErrOwner) {
		return err
	}
	info, err := ask(ctx, q, q.opts.CallTimeout, "read policy", func(ctx context.Context) (string, error) {
		return q.client.Info(ctx, "memory").Result()
	})
	policy := infoField(info, "maxmemory_policy")
	if err == nil && policy != "" && policy != "noeviction" {
		q.opts.Logger.WarnContext(ctx, "queue may lose jobs when memory is full: set maxmemory-policy to noeviction", "queue", q.opts.Name, "policy", policy)
	}
	return nil // some services have no such information
}

func infoField(info, name string) string {
	_, after, _ := strings.Cut(info, name+":")
	value, _, _ := strings.Cut(after, "\r\n")
	return value
}
