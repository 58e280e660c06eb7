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
// scheme rediss for TLS, or unix://user:password@/path?db=database. Timeouts
// and retries that it asks for are ignored: the client takes at most 1 s for
// each step even if ctx allows more, and does not try again, because that would
// count again.
func Open(url string, opts *Options) (*Limiter, error) {
	o, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(o)
	l, err := New(client, opts)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	l.owned = client
	return l, nil
}

func parseURL(text string) (*redis.Options, error) {
	o, err := redis.ParseURL(text)
	if err != nil || o.DB < 0 {
		return nil, errURL
	}
	// What go-redis ignores is a password with a # in it, or a forgotten //.
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || u.Opaque != "" || u.Host == "" && o.Network == "tcp" {
		return nil, errURL
	}
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = patience, patience, patience
	o.MaxRetries = -1
	o.DialerRetries = 1
	// Nothing here is worth a connection that moves with its server.
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return o, nil
}
