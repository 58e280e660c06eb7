package backends

import (
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
	"github.com/eventmetrics/eventmetrics/ratelimit/redislimiter"
)

// Limiter returns a rate limiter that allows each client limit requests in each
// window; limit 0 means no limit. With Redis all processes count together;
// while Redis is unavailable, each counts for itself. Close closes the limiter.
func (b *Backends) Limiter(limit int64, window time.Duration) (ratelimit.Limiter, error) {
	if limit == 0 {
		return ratelimit.Unlimited{}, nil
	}
	local, err := memlimiter.New(&memlimiter.Options{Limit: limit, Window: window})
	if err != nil || b.opts.RedisURL == "" {
		return local, err
	}
	// Other deployments on this Redis count for themselves.
	shared, err := redislimiter.Open(b.opts.RedisURL, &redislimiter.Options{Limit: limit, Window: window, Prefix: "eventmetrics:limit:" + b.id})
	if err != nil {
		return nil, named("REDIS_URL", err)
	}
	b.closers = append(b.closers, shared)
	return ratelimit.Fallback(shared, local, &ratelimit.FallbackOptions{Logger: b.opts.Logger}), nil
}
