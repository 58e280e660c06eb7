package ratelimittest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// fixed is a right and simple limiter: the suite's tests break it in many ways.
type fixed struct {
	limit  int64
	window time.Duration

	mu   sync.Mutex
	keys map[string]*count
}

type count struct {
	n   int64
	end time.Time
}

func newFixed(limit int64, window time.Duration) *fixed {
	return &fixed{limit: limit, window: window, keys: map[string]*count{}}
}

func (f *fixed) Allow(ctx context.Context, key string) (ratelimit.Decision, error) {
	if err := ctx.Err(); err != nil {
		return ratelimit.Decision{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.count(key)
	c.n++
	return f.decide(c), nil
}

// count returns the count of the window that key is in.
func (f *fixed) count(key string) *count {
	now := time.Now()
	if c := f.keys[key]; c != nil && now.Before(c.end) {
		return c
	}
	f.keys[key] = &count{end: now.Add(f.window)}
	return f.keys[key]
}

func (f *fixed) decide(c *count) ratelimit.Decision {
	d := ratelimit.Decision{
		Allowed:    c.n <= f.limit,
		Limit:      f.limit,
		Remaining:  max(0, f.limit-c.n),
		ResetAfter: time.Until(c.end),
		Window:     f.window,
	}
	if d.Allowed {
		d.GiveBack = func(ctx context.Context) error { return f.giveBack(ctx, c) }
	}
	return d
}

func (f *fixed) giveBack(ctx context.Context, c *count) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c.n = min(c.n, f.limit) - 1
	return nil
}

func TestARightLimiterPasses(t *testing.T) {
	h := Harness{
		Open: func(_ testing.TB, limit int64, window time.Duration) ratelimit.Limiter {
			return newFixed(limit, window)
		},
		OpenPair: func(_ testing.TB, limit int64, window time.Duration) (a, b ratelimit.Limiter) {
			f := newFixed(limit, window)
			return f, f
		},
	}
	t.Run("in a bubble", func(t *testing.T) {
		h := h
		h.Bubble = true
		Run(t, h)
	})
	t.Run("in real time", func(t *testing.T) {
		h := h
		h.Window = 100 * time.Millisecond
		Run(t, h)
	})
}
