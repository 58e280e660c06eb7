// Package ratelimit defines the rate limiter interface of eventmetrics. It also
// has what an HTTP server needs around a limiter: [ClientIP] returns the address
// of a client, also from behind trusted proxies, [Fallback] replaces a remote
// limiter while it is unavailable, and [Decision.WriteHeader] sets the response
// headers.
//
// Packages memlimiter and redislimiter implement Limiter. Package ratelimittest
// has the conformance suite for authors of others.
package ratelimit

import (
	"context"
	"errors"
	"time"
)

// ErrUnavailable means that the counters of a Limiter could not be reached or did
// not answer in time.
var ErrUnavailable = errors.New("ratelimit: unavailable")

// Limiter counts requests per key and decides which are within the limit. It is
// safe for concurrent use, by several processes too if they share its counters.
type Limiter interface {
	// Allow counts one request of key and decides about it. Any string may be a
	// key. The limit and the window of a Limiter do not change. The first
	// request of a key begins its window; other keys and denied requests do
	// not change it.
	//
	// Allow returns when ctx ends, with an error that wraps ctx.Err(). If ctx
	// has ended before the call, nothing is counted. After another error there
	// is no decision, and the request may have been counted or not. Errors:
	// ErrUnavailable.
	Allow(ctx context.Context, key string) (Decision, error)
}

// Decision is the decision about one request.
type Decision struct {
	// Allowed reports whether the request is within the limit.
	Allowed bool
	// Limit is the number of requests that are allowed in a window.
	Limit int64
	// Remaining is the number of requests that are still allowed in the window
	// after this one, at least 0.
	Remaining int64
	// ResetAfter is the time until the window ends and Remaining is Limit
	// again; above 0 and at most the window.
	ResetAfter time.Duration
	// Window is the length of the window.
	Window time.Duration
	// GiveBack makes an allowed request uncounted, so that its window has room
	// for one more. After the end of that window it changes nothing. It may be
	// called once, at any time; it is safe for concurrent use with the Limiter.
	// It is nil if nothing was counted.
	//
	// GiveBack returns when ctx ends, with an error that wraps ctx.Err(). If ctx
	// has ended before the call, nothing changes. After another error the
	// request may be counted or not. Errors: ErrUnavailable.
	GiveBack func(ctx context.Context) error
}
