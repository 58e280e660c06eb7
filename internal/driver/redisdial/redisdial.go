// Package redisdial makes clients for the Redis of a URL: a single server, a
// cluster, or one with Sentinels.
package redisdial

import (
	"cmp"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// ErrURL means that a URL is malformed. It does not cite the URL, not even in
// part, since any part of a malformed URL may be the password.
var ErrURL = errors.New("the URL is not of the form redis://user:password@host:6379/0 (rediss for TLS; or unix:///path; parameters as in go-redis; special characters percent-encoded)")

// Dial returns a client that connects when it is first used, and honours the
// deadlines of contexts. If timeout is above 0, it bounds each step, nothing is
// retried, and the parameters of the URL for timeouts and retries are ignored.
//
// A URL with the parameter addr, once per further node, or with the first node
// again, is that of a cluster, which has the database 0 only. One with master_name
// is that of Sentinels. Errors: [ErrURL].
func Dial(text string, timeout time.Duration) (redis.UniversalClient, error) {
	// go-redis ignores a fragment or an opaque part. The cause is a password
	// with a #, or a missing //.
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || u.Opaque != "" || u.Host == "" && u.Scheme != "unix" {
		return nil, ErrURL
	}
	// Maintenance notifications move connections between servers; not needed.
	still := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch query := u.Query(); {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(text)
		if err != nil || o.DB < 0 || !fit(o.PoolSize, o.MaxActiveConns) || o.RouteByLatency || o.RouteRandomly {
			return nil, ErrURL
		}
		o.ContextTimeoutEnabled = true
		tries{&o.MaxRetries, &o.DialerRetries, &o.MinIdleConns, &o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout}.bound(timeout)
		return redis.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(text)
		if err != nil || !fit(o.PoolSize, o.MaxActiveConns) || strings.Trim(u.Path, "/0") != "" {
			return nil, ErrURL
		}
		o.ContextTimeoutEnabled, o.MaintNotificationsConfig = true, still
		followFailovers(o)
		tries{&o.MaxRetries, &o.DialerRetries, &o.MinIdleConns, &o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout}.bound(timeout)
		return redis.NewClusterClient(o), nil
	default:
		o, err := redis.ParseURL(text)
		if err != nil || o.DB < 0 || !fit(o.PoolSize, o.MaxActiveConns) {
			return nil, ErrURL
		}
		o.ContextTimeoutEnabled, o.MaintNotificationsConfig = true, still
		tries{&o.MaxRetries, &o.DialerRetries, &o.MinIdleConns, &o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout}.bound(timeout)
		return redis.NewClient(o), nil
	}
}

// followFailovers makes a client of a cluster find a new master within about a
// second. By default it would look at the nodes once a minute, since no node tells
// it of a master that is lost; and it would dial a machine that is gone five times
// for 5 s before it asks another one.
func followFailovers(o *redis.ClusterOptions) {
	o.ClusterStateReloadInterval = time.Second // when it is used
	o.DialTimeout = cmp.Or(o.DialTimeout, time.Second)
	o.DialerRetries = cmp.Or(o.DialerRetries, 1)
}

// fit reports whether go-redis accepts these sizes of a pool. It panics at others,
// with Redis Cluster not before the first command.
func fit(poolSize, maxActive int) bool {
	return poolSize >= 0 && poolSize <= 10_000 && maxActive <= 10_000
}

// tries are the options for retries and timeouts that the three kinds of clients
// have in common.
type tries struct {
	retries, dialerRetries, idle *int
	dial, read, write            *time.Duration
}

func (t tries) bound(timeout time.Duration) {
	if timeout <= 0 {
		return
	}
	*t.retries, *t.dialerRetries, *t.idle = -1, 1, 0
	*t.dial, *t.read, *t.write = timeout, timeout, timeout
}
