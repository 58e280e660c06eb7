// Package memlimiter is a [ratelimit.Limiter] that counts in the memory of
// one process, on the counters of github.com/ulule/limiter/v3.
//
// It counts in fixed windows. The first request of a key opens its window; the
// window has room for the limit, ends on time whatever is asked meanwhile, and
// the next request opens a new one. A client that sends one request to open a
// window, the others just before its end, and a full limit just after, gets up
// to 2*limit-1 requests through in a short time; over any longer time the rate
// is the limit per window.
//
// Memory is bounded: see [Options.MaxKeys]. The package starts no goroutine,
// and a Limiter needs no closing.
package memlimiter

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// maxWindow keeps the end of a window within the clock's 64-bit nanoseconds.
const maxWindow = 366 * 24 * time.Hour

// Options are the options of [New]. A zero field has its default.
type Options struct {
	// Limit is the number of requests of a key that a window has room for;
	// default 1.
	Limit int64
	// Window is the length of a window; default 1 minute, at most 366 days.
	Window time.Duration
	// MaxKeys is the most keys to hold in memory; default 65536, at least 2.
	// A key takes about 250 bytes, and is forgotten at the latest when two
	// windows have passed and another key comes.
	//
	// As long as fewer than half of MaxKeys keys come in one window, the limit
	// is exact. When more come, those that have been silent longest are
	// forgotten early and start anew: a client with that many addresses has as
	// many limits already, and shutting out everybody else would be worse.
	MaxKeys int
}

// Limiter counts requests in memory. It is safe for concurrent use.
type Limiter struct {
	limit  int64
	window time.Duration
	keys   keyring
}

var _ ratelimit.Limiter = (*Limiter)(nil)

// New returns a Limiter that has not counted anything. Options may be nil. The
// error names an option that is out of range.
func New(opts *Options) (*Limiter, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	o.Limit = cmp.Or(o.Limit, 1)
	o.Window = cmp.Or(o.Window, time.Minute)
	o.MaxKeys = cmp.Or(o.MaxKeys, 1<<16)
	switch {
	case o.Limit < 1:
		return nil, fmt.Errorf("memlimiter: limit %d is below 1", o.Limit)
	case o.Window < 0 || o.Window > maxWindow:
		return nil, fmt.Errorf("memlimiter: window %v is not between 0 and %v", o.Window, maxWindow)
	case o.MaxKeys < 2:
		return nil, fmt.Errorf("memlimiter: room for %d keys is below 2", o.MaxKeys)
	}
	l := &Limiter{limit: o.Limit, window: o.Window}
	l.keys.init(int64(o.MaxKeys/2), o.Window)
	return l, nil
}

// Allow counts one request of key and decides about it. It does not block. The
// only error is that of a ctx that has ended; then nothing is counted.
func (l *Limiter) Allow(ctx context.Context, key string) (ratelimit.Decision, error) {
	if err := ctx.Err(); err != nil {
		return ratelimit.Decision{}, err
	}
	n, left := l.keys.count(shorten(key))
	return ratelimit.Decision{
		Allowed:    n <= l.limit,
		Limit:      l.limit,
		Remaining:  max(0, l.limit-n),
		ResetAfter: left,
		Window:     l.window,
	}, nil
}
