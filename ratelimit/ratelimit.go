// Package ratelimit says what eventmetrics needs from a rate limiter, and has
// what stands around one: the client address behind trusted proxies
// ([Source]), a local stand-in for a remote limiter that is away ([Fallback]),
// and the response headers ([Decision.WriteHeader]).
//
// Package ratelimittest has the conformance suite for authors of limiters.
package ratelimit

import (
	"context"
	"time"
)

// Limiter counts requests per key and says which are within the limit. It is
// safe for concurrent use, by several processes too if what it counts in is
// shared.
type Limiter interface {
	// Allow counts one request of key and decides about it. The limit of a
	// Limiter and its window do not change. Allow honours ctx. An error means
	// that no decision could be made; the request may or may not have been
	// counted.
	Allow(ctx context.Context, key string) (Decision, error)
}

// Decision is the answer to one request.
type Decision struct {
	// Allowed says whether the request is within the limit.
	Allowed bool
	// Limit is the number of requests that a window has room for.
	Limit int64
	// Remaining is the room left in the window after this request, not below 0.
	Remaining int64
	// ResetAfter is the time until the window ends and Remaining is Limit
	// again; above 0 and at most the window.
	ResetAfter time.Duration
	// Window is the length of the window.
	Window time.Duration
}
