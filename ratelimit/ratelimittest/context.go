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
	cancelled, cancel := context.WithCancel(e.ctx)
	cancel()
	late, cancel := context.WithDeadline(e.ctx, time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, late} {
		_, err := returns(ctx, l)
		if errors.Is(err, errHung) {
			return err
		}
		if !errors.Is(err, ctx.Err()) || errors.Is(err, ratelimit.ErrUnavailable) {
			return fmt.Errorf("a call whose context has ended returned %w; want the error of the context, %w, which says nothing about the counters", err, ctx.Err())
		}
	}
	allowed, err := e.admitted(l, "k", limit+1)
	if err != nil {
		return fmt.Errorf("after calls with an ended context: %w", err)
	}
	if allowed != limit {
		return fmt.Errorf("after calls with an ended context, %d of %d requests were allowed: such a call counts nothing", allowed, limit)
	}
	return nil
}

func reportsOutage(e *env) error {
	l, cut := e.h.OpenCut(e.TB, 3, long)
	if _, err := l.Allow(e.ctx, "k"); err != nil {
		return fmt.Errorf("before the outage: %w", err)
	}
	cut()
	if d, err := l.Allow(e.ctx, "k"); !errors.Is(err, ratelimit.ErrUnavailable) {
		return fmt.Errorf("with counters that are gone, Allow returned %+v, %w; want ErrUnavailable", d, err)
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
