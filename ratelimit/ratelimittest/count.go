package ratelimittest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

func admitsTheLimit(e *env) error {
	for _, limit := range []int64{1, 2, 7, 100} {
		l := e.h.Open(e.TB, limit, long)
		allowed, err := e.admitted(l, "k", limit+3)
		if err != nil {
			return err
		}
		if allowed != limit {
			return fmt.Errorf("a window with room for %d admitted %d of %d requests", limit, allowed, limit+3)
		}
	}
	return nil
}

func admitsTheLimitConcurrently(e *env) error {
	const limit, callers, each = 60, 50, 4
	return e.admitConcurrently(limit, callers, each, e.h.Open(e.TB, limit, long))
}

// countsNewKeys has concurrent requests begin each window.
func countsNewKeys(e *env) error {
	const limit, callers, keys = 2, 6, 100
	l := e.h.Open(e.TB, limit, long)
	for i := range keys {
		var allowed atomic.Int64
		errs := make([]error, callers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				<-start
				n, err := e.admitted(l, fmt.Sprint("new ", i), 1)
				allowed.Add(n)
				errs[c] = err
			})
		}
		close(start)
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if n := allowed.Load(); n != limit {
			return fmt.Errorf("of %d concurrent requests that began a window with room for %d, %d were allowed", callers, limit, n)
		}
	}
	return nil
}

func countsTogether(e *env) error {
	const limit, callers, each = 20, 16, 4
	a, b := e.h.OpenPair(e.TB, limit, long)
	return e.admitConcurrently(limit, callers, each, a, b)
}

// admitConcurrently has the callers ask the limiters in turn.
func (e *env) admitConcurrently(limit int64, callers, each int, ls ...ratelimit.Limiter) error {
	var allowed atomic.Int64
	errs := make([]error, callers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			<-start
			n, err := e.admitted(ls[i%len(ls)], "k", int64(each))
			allowed.Add(n)
			errs[i] = err
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if n := allowed.Load(); n != limit {
		return fmt.Errorf("a window with room for %d admitted %d of %d concurrent requests", limit, n, callers*each)
	}
	return nil
}

func countsDown(e *env) error {
	const limit = 5
	l := e.h.Open(e.TB, limit, long)
	for i := range int64(limit + 3) {
		d, err := l.Allow(e.ctx, "k")
		if err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
		if want := max(0, limit-1-i); d.Remaining != want {
			return fmt.Errorf("request %d of a window with room for %d left %d remaining, want %d", i+1, limit, d.Remaining, want)
		}
	}
	return nil
}

func reportsItsRate(e *env) error {
	const limit = 2
	l := e.h.Open(e.TB, limit, long)
	for i := range limit + 2 {
		d, err := l.Allow(e.ctx, "k")
		if err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
		if d.Limit != limit || d.Window != long {
			return fmt.Errorf("request %d (allowed %v) reports %d per %v, want %d per %v", i+1, d.Allowed, d.Limit, d.Window, limit, long)
		}
	}
	return nil
}

// admitted asks n times and counts what is allowed.
func (e *env) admitted(l ratelimit.Limiter, key string, n int64) (int64, error) {
	var allowed int64
	for i := range n {
		d, err := l.Allow(e.ctx, key)
		if err != nil {
			return allowed, fmt.Errorf("request %d of key %.40q: %w", i+1, key, err)
		}
		if d.Allowed {
			allowed++
		}
	}
	return allowed, nil
}
