package ratelimit

import "context"

// Unlimited is a [Limiter] that allows every request and counts nothing. Its
// decisions have no Limit and no Window. The zero value is ready, and safe for
// concurrent use.
type Unlimited struct{}

var _ Limiter = Unlimited{}

// Allow allows the request. It never returns an error.
func (Unlimited) Allow(context.Context, string) (Decision, error) {
	return Decision{Allowed: true}, nil
}
