package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// FallbackOptions are the options of [Fallback]. A zero field has its default.
type FallbackOptions struct {
	// Timeout is how long the primary may take; default 100 ms.
	Timeout time.Duration
	// Pause is how long the primary is not called after a failure; default 5 s.
	Pause time.Duration
	// Logger gets one record per change between primary and local; nil
	// discards them.
	Logger *slog.Logger
}

// Fallback returns a Limiter that calls primary, and local while primary is
// unavailable. When primary fails or takes longer than the timeout, local decides
// about that request and all others during a pause. After the pause, single
// requests try primary again, and the first success ends the fallback. Options
// may be nil.
//
// The two limiters count independently. While primary is unavailable, a client of
// n processes has up to n times the limit of local. When primary is available
// again, it has the counts from before.
//
// Allow returns after the timeout even if primary ignores its context. Until such
// an overdue call returns, primary is not called again. So a primary that hangs
// holds only the goroutines of the requests that were running when it began to
// hang. If the context of the caller ends, Allow returns its error, which is no
// failure of primary. A panic of primary is a failure.
func Fallback(primary, local Limiter, opts *FallbackOptions) Limiter {
	o := FallbackOptions{}
	if opts != nil {
		o = *opts
	}
	return &fallback{
		primary: primary,
		local:   local,
		timeout: cmp.Or(max(0, o.Timeout), 100*time.Millisecond),
		health: health{
			pause: cmp.Or(max(0, o.Pause), 5*time.Second),
			log:   cmp.Or(o.Logger, slog.New(slog.DiscardHandler)),
		},
	}
}

type fallback struct {
	primary, local Limiter
	timeout        time.Duration
	health         health
}

var errOverdue = errors.New("ratelimit: no answer in time")

func (f *fallback) Allow(ctx context.Context, key string) (Decision, error) {
	if err := ctx.Err(); err != nil {
		return Decision{}, err
	}
	c := f.health.begin()
	if c == nil {
		return f.local.Allow(ctx, key)
	}
	d, err := f.ask(ctx, c, key)
	if err == nil {
		return d, nil
	}
	if ctx.Err() != nil {
		return Decision{}, ctx.Err()
	}
	return f.local.Allow(ctx, key)
}

// ask calls primary. It returns when primary has answered, when the call is overdue,
// or when ctx ends. In the latter cases the call may still be running.
func (f *fallback) ask(ctx context.Context, c *call, key string) (Decision, error) {
	type answer struct {
		d   Decision
		err error
	}
	answered := make(chan answer, 1)
	overdue := make(chan struct{})
	timer := time.AfterFunc(f.timeout, func() {
		f.health.overdue(c)
		close(overdue)
	})
	go func() {
		d, err := f.call(ctx, key)
		timer.Stop()
		f.health.end(c, err, ctx.Err() != nil)
		answered <- answer{d, err}
	}()
	select {
	case a := <-answered:
		return a.d, a.err
	case <-overdue:
		return Decision{}, errOverdue
	case <-ctx.Done():
		return Decision{}, ctx.Err()
	}
}

func (f *fallback) call(ctx context.Context, key string) (d Decision, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	// A panic on this goroutine would end the process, while an HTTP server
	// survives one on the goroutine of a request.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("ratelimit: panic: %v", p)
		}
	}()
	return f.primary.Allow(ctx, key)
}
