package redislimiter

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/redisdial"
)

// patience is how long Redis may take to answer a caller whose context allows
// more, and how long a connection may take that nobody waits for any more.
const patience = time.Second

// Open returns a Limiter with a client of its own, for the Redis at url. It
// does not connect yet. Close the Limiter after use. Options may be nil. An
// error names an option that is out of range, or is about the URL, which it
// does not cite.
//
// The URL has the form redis://user:password@host:port/database, with the
// scheme rediss for TLS, or unix://user:password@/path?db=database, and may
// have the parameters that go-redis knows; those for timeouts, retries and
// idle connections are ignored, and no step takes more than 1 s even if ctx
// allows it. With the parameter addr, once for each further node (or for the
// first again), it is that of a Redis Cluster. With the parameter master_name it is that of
// Sentinels, with their user and password; those of Redis itself are the
// parameters username and password.
func Open(url string, opts *Options) (*Limiter, error) {
	client, err := redisdial.Dial(url, patience)
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
