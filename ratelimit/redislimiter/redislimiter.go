// Package redislimiter is a [ratelimit.Limiter] that counts in Redis, for
// several processes together, on the store of github.com/ulule/limiter/v3.
//
// It counts in fixed windows, as package memlimiter does and with the same
// consequence at their edges: up to 2*limit-1 requests of a client get through
// in a short time around the end of a window. Each request is one script on
// one key, which Redis runs as a whole; the time is that of Redis, in
// milliseconds. It works with a single Redis, with Sentinel and with Redis
// Cluster.
//
// No Limiter needs Redis before the first request: [New] and [Open] do no
// network I/O. When Redis is away, Allow returns an error; put
// [ratelimit.Fallback] in front of it.
//
// Where ulule's store alone would not keep the contract, a thin layer between
// it and the client does. The store needs Redis to be made; it lets a counter
// that has lost its end deny a client for ever; it tells the end of a window in
// whole seconds; and clients would count again when an answer is lost.
package redislimiter

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

const (
	// minWindow leaves something when a millisecond is taken off: to the
	// store, a window of 0 ms is one without an end.
	minWindow = 2 * time.Millisecond
	maxWindow = 366 * 24 * time.Hour
)

// Options are the options of [New] and [Open]. A zero field has its default.
type Options struct {
	// Limit is the number of requests of a key that a window has room for;
	// default 1.
	Limit int64
	// Window is the length of a window in whole milliseconds; default 1
	// minute, at least 2 ms, at most 366 days.
	Window time.Duration
	// Prefix begins the names of the keys in Redis, with a colon after it;
	// default "eventmetrics:limit". Limiters with one Prefix in one database
	// count together, in this process and in others, and should have the same
	// Limit and Window.
	Prefix string
}

// Limiter counts requests in Redis. It is safe for concurrent use.
type Limiter struct {
	rate   limiter.Rate
	window time.Duration
	store  limiter.Store
	owned  redis.UniversalClient
}

var _ ratelimit.Limiter = (*Limiter)(nil)

// New returns a Limiter that counts through client, which stays the caller's.
// Options may be nil. The error names an option that is out of range.
//
// Give the client ContextTimeoutEnabled, or Allow takes as long as the client's
// own timeouts, whatever its ctx says. Its MaxRetries does not matter: a
// request is never sent again, because that would count again.
func New(client redis.UniversalClient, opts *Options) (*Limiter, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	o.Limit = cmp.Or(o.Limit, 1)
	o.Window = cmp.Or(o.Window, time.Minute)
	o.Prefix = cmp.Or(o.Prefix, "eventmetrics:limit")
	switch {
	case o.Limit < 1:
		return nil, fmt.Errorf("redislimiter: limit %d is below 1", o.Limit)
	case o.Window < minWindow || o.Window > maxWindow:
		return nil, fmt.Errorf("redislimiter: window %v is not between %v and %v", o.Window, minWindow, maxWindow)
	case o.Window%time.Millisecond != 0:
		return nil, fmt.Errorf("redislimiter: window %v is not a whole number of milliseconds", o.Window)
	}
	// Redis counts the millisecond in which a key ends to the key. Without one
	// less, a client that waits as told would come too early.
	l := &Limiter{window: o.Window, rate: limiter.Rate{Limit: o.Limit, Period: o.Window - time.Millisecond}}
	var err error
	l.store, err = ululeredis.NewStoreWithOptions(newScripts(client, l.rate.Period), limiter.StoreOptions{Prefix: o.Prefix})
	if err != nil {
		return nil, fmt.Errorf("redislimiter: make store: %w", err)
	}
	return l, nil
}

// Close closes the connections to Redis if the Limiter owns them. It is to be
// called once, when no Allow is under way.
func (l *Limiter) Close() error {
	if l.owned == nil {
		return nil
	}
	if err := l.owned.Close(); err != nil {
		return fmt.Errorf("redislimiter: close: %w", err)
	}
	return nil
}

// Allow counts one request of key and decides about it, in one round trip to
// Redis. Any string may be a key; long ones are stored as their SHA-256. It
// waits for Redis no longer than ctx and the client's timeouts allow. After an
// error the request has been counted once or not at all.
func (l *Limiter) Allow(ctx context.Context, key string) (ratelimit.Decision, error) {
	if err := ctx.Err(); err != nil {
		return ratelimit.Decision{}, err
	}
	ctx, left := withLeft(ctx)
	c, err := l.store.Increment(ctx, shorten(key), 1, l.rate)
	if err != nil {
		return ratelimit.Decision{}, fmt.Errorf("redislimiter: count a request: %w", err)
	}
	return ratelimit.Decision{
		Allowed:    !c.Reached,
		Limit:      c.Limit,
		Remaining:  c.Remaining,
		ResetAfter: *left + time.Millisecond,
		Window:     l.window,
	}, nil
}

// maxKey is the length of the longest key that is stored as it is, in bytes.
const maxKey = 64

// shorten bounds what a key takes. No key that is stored as it is looks like a
// shortened one, which has more than maxKey bytes.
func shorten(key string) string {
	if len(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}
