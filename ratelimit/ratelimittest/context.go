package ratelimittest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// hung is how long a call with an ended context may take before it counts as
// one that never returns.
const hung = 30 * time.Second

func honoursItsContext(e *env) error {
	const limit = 3
	l := e.h.Open(e.TB, limit, long)
	ended, cancel := context.WithCancel(e.ctx)
	cancel()
	d, err := returns(ended, l)
	if errors.Is(err, errHung) {
		return err
	}
	if err == nil && d.Limit != limit {
		return fmt.Errorf("a call with an ended context returned neither an error nor a decision: %+v", d)
	}
	allowed, err := e.admitted(l, "k", limit+1)
	if err != nil {
		return fmt.Errorf("after a call with an ended context: %w", err)
	}
	if allowed < limit-1 || allowed > limit {
		return fmt.Errorf("after a call with an ended context, %d of %d requests were allowed: it counts at most once", allowed, limit)
	}
	return nil
}

var errHung = fmt.Errorf("a call with an ended context did not return within %v", hung)

// returns asks once and gives up waiting after hung.
func returns(ctx context.Context, l ratelimit.Limiter) (ratelimit.Decision, error) {
	type answer struct {
		d   ratelimit.Decision
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		d, err := l.Allow(ctx, "k")
		answered <- answer{d, err}
	}()
	select {
	case a := <-answered:
		return a.d, a.err
	case <-time.After(hung):
		return ratelimit.Decision{}, errHung
	}
}
