package redislimiter

import (
	"errors"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// patience is how long Redis may take to answer a caller whose context allows
// more, and how long a connection may take that nobody waits for any more.
const patience = time.Second

// errURL does not cite the URL, not even in part: where it is malformed, any
// part may be the password.
var errURL = errors.New("redislimiter: the URL is not like redis://user:password@host:6379/0 (rediss for TLS; or unix:///path; parameters as in go-redis; special characters percent-encoded)")

// Open returns a Limiter with a client of its own, for the Redis at url. It
// does not connect yet. Close the Limiter after use. Options may be nil. An
// error names an option that is out of range, or is about the URL, which it
// does not cite.
//
// The URL has the form redis://user:password@host:port/database, with the
// scheme rediss for TLS, or unix://user:password@/path?db=database, and may
// have the parameters that go-redis knows; those for timeouts, retries and
// idle connections are ignored, and no step takes more than 1 s even if ctx
// allows it. With the
// parameter addr, once for each further node (or for the first again), it is
// that of a Redis Cluster. With the parameter master_name it is that of
// Sentinels, with their user and password; those of Redis itself are the
// parameters username and password.
func Open(url string, opts *Options) (*Limiter, error) {
	client, err := dial(url)
	if err != nil {
		return nil, err
	}
	l, err := New(client, opts)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	l.owned = client
	return l, nil
}

// dial returns a client that connects when it is used.
func dial(text string) (redis.UniversalClient, error) {
	// What go-redis ignores is a password with a # in it, or a forgotten //.
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || u.Opaque != "" || u.Host == "" && u.Scheme != "unix" {
		return nil, errURL
	}
	// Nothing here is worth a connection that moves with its server.
	still := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch query := u.Query(); {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(text)
		if err != nil || o.DB < 0 || !fit(o.PoolSize, o.MaxActiveConns) || o.RouteByLatency || o.RouteRandomly {
			return nil, errURL
		}
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries, o.MinIdleConns = true, -1, 1, 0
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = patience, patience, patience
		return redis.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(text)
		if err != nil || !fit(o.PoolSize, o.MaxActiveConns) {
			return nil, errURL
		}
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries, o.MinIdleConns = true, -1, 1, 0
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = patience, patience, patience
		o.MaintNotificationsConfig = still
		return redis.NewClusterClient(o), nil
	default:
		o, err := redis.ParseURL(text)
		if err != nil || o.DB < 0 || !fit(o.PoolSize, o.MaxActiveConns) {
			return nil, errURL
		}
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries, o.MinIdleConns = true, -1, 1, 0
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = patience, patience, patience
		o.MaintNotificationsConfig = still
		return redis.NewClient(o), nil
	}
}

// fit reports whether go-redis takes these sizes. It panics at others, on Redis
// Cluster as late as in the first command.
func fit(poolSize, maxActive int) bool {
	return poolSize >= 0 && poolSize <= 10_000 && maxActive <= 10_000
}
