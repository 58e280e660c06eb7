// Package redisdial makes clients for the Redis that a URL names: a single one,
// a cluster, or one behind Sentinels.
package redisdial

import (
	"errors"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// ErrURL does not cite the URL, not even in part: where it is malformed, any
// part may be the password.
var ErrURL = errors.New("the URL is not like redis://user:password@host:6379/0 (rediss for TLS; or unix:///path; parameters as in go-redis; special characters percent-encoded)")

// Dial returns a client that connects when it is used, and heeds the deadlines
// of contexts. With a patience above 0, no step takes longer, nothing is tried
// twice, and the URL's own parameters for that are ignored.
//
// The parameter addr, once for each further node (or for the first again),
// makes it a cluster; master_name makes the hosts Sentinels. Errors: [ErrURL].
func Dial(text string, patience time.Duration) (redis.UniversalClient, error) {
	// What go-redis ignores is a password with a # in it, or a forgotten //.
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || u.Opaque != "" || u.Host == "" && u.Scheme != "unix" {
		return nil, ErrURL
	}
	// Nothing here is worth a connection that moves with its server.
	still := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch query := u.Query(); {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(text)
		if err != nil || o.DB < 0 || !fit(o.PoolSize, o.MaxActiveConns) || o.RouteByLatency || o.RouteRandomly {
			return nil, ErrURL
		}
		o.ContextTimeoutEnabled = true
		tries{&o.MaxRetries, &o.DialerRetries, &o.MinIdleConns, &o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout}.bound(patience)
		return redis.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(text)
		if err != nil || !fit(o.PoolSize, o.MaxActiveConns) {
			return nil, ErrURL
		}
		o.ContextTimeoutEnabled, o.MaintNotificationsConfig = true, still
		tries{&o.MaxRetries, &o.DialerRetries, &o.MinIdleConns, &o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout}.bound(patience)
		return redis.NewClusterClient(o), nil
	default:
		o, err := redis.ParseURL(text)
		if err != nil || o.DB < 0 || !fit(o.PoolSize, o.MaxActiveConns) {
			return nil, ErrURL
		}
		o.ContextTimeoutEnabled, o.MaintNotificationsConfig = true, still
		tries{&o.MaxRetries, &o.DialerRetries, &o.MinIdleConns, &o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout}.bound(patience)
		return redis.NewClient(o), nil
	}
}

// fit reports whether go-redis takes these sizes. It panics at others, on Redis
// Cluster as late as in the first command.
func fit(poolSize, maxActive int) bool {
	return poolSize >= 0 && poolSize <= 10_000 && maxActive <= 10_000
}

// tries are what the three kinds of options have in common of how often and
// how long to try.
type tries struct {
	retries, dialerRetries, idle *int
	dial, read, write            *time.Duration
}

func (t tries) bound(patience time.Duration) {
	if patience <= 0 {
		return
	}
	*t.retries, *t.dialerRetries, *t.idle = -1, 1, 0
	*t.dial, *t.read, *t.write = patience, patience, patience
}
