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
	// Pause is how long the primary is left alone after a failure; default 5 s.
	Pause time.Duration
	// Logger gets one record per change between primary and local. Nil
	// discards.
	Logger *slog.Logger
}

// Fallback returns a Limiter that asks primary, and local while primary is
// away: when primary fails or takes longer than the timeout, local decides that
// request and all others for a pause. After it one request at a time tries
// primary again, until an answer ends the fallback. Options may be nil.
//
// The two count apart. With n processes and a primary that is away, a client
// has up to n times the limit of local; when the primary comes back, its
// counts are those from before.
//
// Allow returns after the timeout even if primary ignores its context. As long
// as such an overdue call has not come back, primary is not asked again, so
// that a primary that hangs holds no more goroutines than requests were under
// way when it began. The end of the caller's own context is the caller's
// error, and not counted as a failure of primary. A panic of primary is a
// failure.
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

// ask returns when primary has answered, when it is overdue, or when ctx ends;
// the call itself may outlive it.
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
	// A panic on this goroutine would end the process; on the caller's, an
	// HTTP server survives it.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("ratelimit: panic: %v", p)
		}
	}()
	return f.primary.Allow(ctx, key)
}
