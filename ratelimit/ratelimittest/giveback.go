package ratelimittest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// givesBack uses a window up, has requests denied, and gives places back: each
// admits one request.
func givesBack(e *env) error {
	const limit = 4
	l := e.h.Open(e.TB, limit, long)
	var taken []ratelimit.Decision
	for i := range limit + 3 {
		d, err := l.Allow(e.ctx, "k")
		if err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
		if d.Allowed != (d.GiveBack != nil) {
			return fmt.Errorf("request %d, allowed %v, has a GiveBack: %v; a denied request has nothing to give back", i+1, d.Allowed, d.GiveBack != nil)
		}
		if d.Allowed {
			taken = append(taken, d)
		}
	}
	if len(taken) != limit {
		return fmt.Errorf("a window with room for %d admitted %d of %d requests", limit, len(taken), limit+3)
	}
	if _, err := e.admitted(l, "other", 2); err != nil {
		return err
	}
	for n, some := range map[int64][]ratelimit.Decision{1: taken[:1], 2: taken[1:3]} {
		for _, d := range some {
			if err := d.GiveBack(e.ctx); err != nil {
				return fmt.Errorf("GiveBack: %w", err)
			}
		}
		if err := e.admits(l, "k", n); err != nil {
			return fmt.Errorf("after %d requests were given back: %w", n, err)
		}
	}
	return e.admits(l, "other", limit-2)
}

// admits asks until it is denied.
func (e *env) admits(l ratelimit.Limiter, key string, want int64) error {
	got, err := e.admitted(l, key, want+2)
	if err == nil && got != want {
		err = fmt.Errorf("key %q: %d requests were allowed, want %d", key, got, want)
	}
	return err
}

// givesBackLate gives a request back after the end of its window, when two
// requests have been counted in the next one.
func givesBackLate(e *env) error {
	const limit = 3
	l := e.h.Open(e.TB, limit, e.h.Window)
	for range 3 {
		old, err := l.Allow(e.ctx, "k")
		if err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		e.wait(old.ResetAfter + e.h.Precision)
		if _, err := e.untilAllowed(l); err != nil {
			return err
		}
		d, err := l.Allow(e.ctx, "k")
		if err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		if d.Remaining == limit-2 {
			if err := giveBack(e.ctx, old); err != nil {
				return fmt.Errorf("after the end of the window: %w", err)
			}
			if err := e.hasRoomForOne(l); err != nil {
				return err
			}
		} // else the machine was slow, and this is the second window after it
		if d, err = e.exhaust(l); err != nil {
			return err
		}
		e.wait(d.ResetAfter + e.h.Precision)
	}
	return nil
}

// hasRoomForOne asks until it is denied or a new window begins.
func (e *env) hasRoomForOne(l ratelimit.Limiter) error {
	for i := 0; ; i++ {
		d, err := l.Allow(e.ctx, "k")
		switch {
		case err != nil:
			return fmt.Errorf("ask: %w", err)
		case !d.Allowed || d.Remaining == d.Limit-1:
			return nil
		case i > 0:
			return errors.New("a request that was given back after its window made room in another one")
		}
	}
}

// givesBackTogether has callers take and give back at once. No more than the
// limit may hold a place at a time, and none may be lost.
func givesBackTogether(e *env) error {
	const limit, callers, each = 5, 12, 20
	a, b := e.pair(limit)
	var held atomic.Int64
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range each {
				if errs[i] == nil {
					errs[i] = e.takeAndGiveBack([]ratelimit.Limiter{a, b}[i%2], &held, limit)
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := e.admits(b, "k", limit); err != nil {
		return fmt.Errorf("after %d callers gave all back: %w", callers, err)
	}
	return nil
}

// pair returns two limiters on the same counters, if the harness has them.
func (e *env) pair(limit int64) (a, b ratelimit.Limiter) {
	if e.h.OpenPair != nil {
		return e.h.OpenPair(e.TB, limit, long)
	}
	a = e.h.Open(e.TB, limit, long)
	return a, a
}

func (e *env) takeAndGiveBack(l ratelimit.Limiter, held *atomic.Int64, limit int64) error {
	d, err := l.Allow(e.ctx, "k")
	if err != nil || !d.Allowed {
		return err
	}
	n := held.Add(1)
	e.wait(1)
	held.Add(-1) // before it is given back, so that the sum is never too great
	if n > limit {
		return fmt.Errorf("%d requests have a place in a window with room for %d", n, limit)
	}
	return giveBack(e.ctx, d)
}

func giveBack(ctx context.Context, d ratelimit.Decision) error {
	if d.GiveBack == nil {
		return errors.New("an allowed request has no GiveBack")
	}
	return d.GiveBack(ctx)
}

func givesNothingBackWithoutAContext(e *env) error {
	l := e.h.Open(e.TB, 1, long)
	d, err := l.Allow(e.ctx, "k")
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	if err := giveBack(ctx, d); !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("GiveBack with an ended context returned %w, want its error", err)
	}
	if err := e.admits(l, "k", 0); err != nil {
		return fmt.Errorf("after a GiveBack with an ended context: %w", err)
	}
	return nil
}
