// Package memlimiter is a [ratelimit.Limiter] that counts in the memory of
// one process.
//
// It counts in fixed windows. The first request of a key begins its window, in
// which as many requests as the limit are allowed. Further requests do not
// prolong the window. The first request after its end begins a new one. A client
// that sends one request to begin a window, the others just before its end, and
// as many as the limit just after it, gets up to 2*limit-1 requests allowed in a
// short time. Over any longer time the rate is the limit per window.
//
// [Options.MaxKeys] bounds the memory. The package starts no goroutine, and a
// Limiter needs no Close.
package memlimiter

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
	shortkey "github.com/eventmetrics/eventmetrics/ratelimit/internal/key"
)

const maxWindow = 366 * 24 * time.Hour

// Options are the options of [New]. A zero field has its default.
type Options struct {
	// Limit is the number of requests of a key that are allowed in a window;
	// default 1.
	Limit int64
	// Window is the length of a window; default 1 minute, at most 366 days.
	Window time.Duration
	// MaxKeys is the greatest number of keys in memory; default 65536, at least
	// 2. A key takes about 250 bytes. It is removed at the latest when two
	// windows have passed and a new key comes.
	//
	// The limit is exact as long as a window has fewer keys than half of
	// MaxKeys. If it has more, the counts of the keys that were used least
	// recently are lost. A client with that many addresses has as many limits
	// anyway, and to refuse new keys would lock out all other clients.
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
		return nil, fmt.Errorf("memlimiter: maximum of %d keys is below 2", o.MaxKeys)
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
	c, n, end := l.keys.take(shortkey.Short(key), l.limit)
	d := ratelimit.Decision{
		Allowed:    n <= l.limit,
		Limit:      l.limit,
		Remaining:  max(0, l.limit-n),
		ResetAfter: min(max(1, time.Until(end)), l.window),
		Window:     l.window,
	}
	if d.Allowed {
		d.GiveBack = func(ctx context.Context) error {
			if ctx.Err() == nil {
				c.giveBack(end)
			}
			return ctx.Err()
		}
	}
	return d, nil
}
