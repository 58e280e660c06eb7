package backends

import (
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
	"github.com/eventmetrics/eventmetrics/ratelimit/redislimiter"
)

// Limiter returns a limiter of so many requests of a client in each window; no
// limit means any number. With Redis all processes count together, and each
// for itself while Redis is away. The limiter lives as long as b.
func (b *Backends) Limiter(limit int64, window time.Duration) (ratelimit.Limiter, error) {
	if limit == 0 {
		return ratelimit.Unlimited{}, nil
	}
	local, err := memlimiter.New(&memlimiter.Options{Limit: limit, Window: window})
	if err != nil || b.opts.RedisURL == "" {
		return local, err
	}
	common, err := redislimiter.Open(b.opts.RedisURL, &redislimiter.Options{Limit: limit, Window: window})
	if err != nil {
		return nil, named("REDIS_URL", err)
	}
	b.closers = append(b.closers, common)
	return ratelimit.Fallback(common, local, &ratelimit.FallbackOptions{Logger: b.opts.Logger}), nil
}
