package redislimiter

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/driver/redisdial"
)

// stepTimeout is how long each step of a call of Redis may take, even if the
// context of the caller allows more.
const stepTimeout = time.Second

// Open returns a Limiter with a client of its own, for the Redis at url. It does
// not connect yet. Options may be nil. The caller must Close the Limiter. An
// error names an option that is out of range, or reports that the URL is
// malformed. No error cites the URL.
//
// The URL has the form redis://user:password@host:port/database, with the
// scheme rediss for TLS, or unix://user:password@/path?db=database. It may have
// the parameters of go-redis; those for timeouts, retries and idle connections
// are ignored, and each step takes at most 1 s even if ctx allows more. It is the
// URL of a Redis Cluster if it has the parameter addr, once per further node, or
// with the first node again; the URL of a single node makes Allow fail with an
// error that says so. It is the URL of Sentinels if it has the parameter
// master_name. User and password are those of the Sentinels then, and the
// parameters username and password those of Redis.
func Open(url string, opts *Options) (*Limiter, error) {
	client, err := redisdial.Dial(url, stepTimeout)
	if err != nil {
		return nil, fmt.Errorf("redislimiter: %w", err)
	}
	l, err := New(client, opts)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	l.owned = client
	return l, nil
}
