// Package redislimiter is a [ratelimit.Limiter] that counts in Redis, for
// several processes together, on the store of github.com/ulule/limiter/v3.
//
// It counts in fixed windows, as package memlimiter does. So up to 2*limit-1
// requests of a client can be allowed in a short time around the end of a window.
// Each request is one atomic script on one key. The clock is that of Redis, in
// milliseconds. It works with a single Redis, with Sentinel and with Redis
// Cluster.
//
// [New] and [Open] do no network I/O, so a program can start without Redis. While
// Redis is unavailable, Allow returns an error; use [ratelimit.Fallback].
//
// ulule's store alone does not follow the contract of [ratelimit.Limiter]. It
// needs Redis when it is made. If a counter has lost its expiry, it denies the
// client permanently. It returns the end of a window in whole seconds. And the
// client would count a request twice if an answer is lost. A layer between the
// store and the client corrects that.
package redislimiter

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/eventmetrics/eventmetrics/internal/driver/redisdial"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	shortkey "github.com/eventmetrics/eventmetrics/ratelimit/internal/key"
)

const (
	// minWindow is the shortest window that is not 0 after a millisecond is
	// subtracted. To the store, a window of 0 ms has no end.
	minWindow = 2 * time.Millisecond
	maxWindow = 366 * 24 * time.Hour
)

// Options are the options of [New] and [Open]. A zero field has its default.
type Options struct {
	// Limit is the number of requests of a key that are allowed in a window;
	// default 1.
	Limit int64
	// Window is the length of a window in whole milliseconds; default 1
	// minute, at least 2 ms, at most 366 days.
	Window time.Duration
	// Prefix is the start of the keys in Redis, before a colon; default
	// "eventmetrics:limit". Limiters with the same Prefix in one database share
	// their counters, in this process and in others. They should have the same
	// Limit and Window.
	Prefix string
}

// Limiter counts requests in Redis. It is safe for concurrent use.
type Limiter struct {
	rate   limiter.Rate
	window time.Duration
	store  limiter.Store
	redis  *scripts
	owned  redis.UniversalClient
}

var _ ratelimit.Limiter = (*Limiter)(nil)

// New returns a Limiter that uses client. The caller closes the client. Options
// may be nil. The error names an option that is out of range.
//
// The client should have ContextTimeoutEnabled set. Otherwise Allow takes as long
// as the timeouts of the client, even if its ctx has ended. The MaxRetries of the
// client have no effect: a request is never sent again, since it would count
// twice.
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
	// A key exists during the millisecond of its expiry. With the full window, a
	// client that waits for ResetAfter would be too early.
	l := &Limiter{window: o.Window, rate: limiter.Rate{Limit: o.Limit, Period: o.Window - time.Millisecond}}
	l.redis = newScripts(client, l.rate.Period)
	var err error
	l.store, err = ululeredis.NewStoreWithOptions(l.redis, limiter.StoreOptions{Prefix: o.Prefix})
	if err != nil {
		return nil, fmt.Errorf("redislimiter: make store: %w", err)
	}
	return l, nil
}

// Close closes the client if [Open] has made it. It must be called once, when no
// Allow is running.
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
// returns when ctx ends or the timeouts of the client have passed. After an error
// the request has been counted once or not at all. Errors:
// ratelimit.ErrUnavailable.
func (l *Limiter) Allow(ctx context.Context, key string) (ratelimit.Decision, error) {
	if err := ctx.Err(); err != nil {
		return ratelimit.Decision{}, err
	}
	ctx, w := withWindow(ctx)
	c, err := l.store.Increment(ctx, shortkey.Short(key), 1, l.rate)
	if err != nil && ctx.Err() != nil {
		return ratelimit.Decision{}, fmt.Errorf("redislimiter: count a request: %w", ctx.Err())
	}
	if redisdial.IsMoved(l.redis.UniversalClient, err) {
		return ratelimit.Decision{}, fmt.Errorf("redislimiter: count a request: %w: the client knows one node of a Redis Cluster: use a client of clusters, or a URL with the parameter addr: %w", ratelimit.ErrUnavailable, err)
	}
	if err != nil {
		return ratelimit.Decision{}, fmt.Errorf("redislimiter: count a request: %w: %w", ratelimit.ErrUnavailable, err)
	}
	d := ratelimit.Decision{
		Allowed:    !c.Reached,
		Limit:      c.Limit,
		Remaining:  c.Remaining,
		ResetAfter: w.left + time.Millisecond,
		Window:     l.window,
	}
	if d.Allowed {
		end := time.Now().Add(d.ResetAfter)
		d.GiveBack = func(ctx context.Context) error { return l.giveBack(ctx, w.key, time.Until(end)) }
	}
	return d, nil
}

// giveBack uncounts a request whose window ends at the latest after left. Errors:
// ratelimit.ErrUnavailable; that of ctx.
func (l *Limiter) giveBack(ctx context.Context, key string, left time.Duration) error {
	if left <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	cmd := l.redis.once(ctx, "eval", giveBack, []string{key}, []any{left.Milliseconds() + 1, l.rate.Limit})
	switch {
	case cmd.Err() == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("redislimiter: uncount a request: %w", ctx.Err())
	}
	return fmt.Errorf("redislimiter: uncount a request: %w: %w", ratelimit.ErrUnavailable, cmd.Err())
}
