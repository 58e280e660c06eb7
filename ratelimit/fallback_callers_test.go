package ratelimit_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOnlyOneCallerProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.primary.set(down)
		p.expect(t, "away", local)
		sleep(5 * time.Second)
		p.primary.set(func(context.Context) error { <-time.After(50 * time.Millisecond); return nil })
		var wg sync.WaitGroup
		var byPrimary atomic.Int64
		for range 20 {
			wg.Go(func() {
				if p.decidedBy(t) == remote {
					byPrimary.Add(1)
				}
			})
		}
		wg.Wait()
		p.expectCalls(t, "after 20 callers", 2)
		if got := byPrimary.Load(); got != 1 {
			t.Errorf("primary decided %d of 20, want 1", got)
		}
		p.expect(t, "after the probe", remote)
	})
}

func TestTheCallersEndIsNotPrimarysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.primary.set(waits)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := p.Allow(ctx, "k")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Allow: %v, want the caller's deadline", err)
		}
		if _, err := p.Allow(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Allow: %v, want the caller's deadline", err)
		}
		p.expectCalls(t, "an ended context calls no limiter", 1)
		synctest.Wait()
		p.primary.set(nil)
		p.expect(t, "after the caller left", remote)
		if n := p.local.calls.Load(); n != 0 || p.log.Len() != 0 {
			t.Errorf("local was asked %d times, log %q; want neither", n, p.log)
		}
	})
}

func TestAProbeWhoseCallerLeftIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.primary.set(down)
		p.expect(t, "away", local)
		sleep(5 * time.Second)
		p.primary.set(waits)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := p.Allow(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Allow: %v, want the caller's deadline", err)
		}
		synctest.Wait()
		p.primary.set(nil)
		p.expect(t, "the next caller probes", remote)
	})
}

func TestAHangIsNoticedEvenIfEveryCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		release := make(chan struct{})
		p.primary.set(func(context.Context) error { <-release; return nil })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := p.Allow(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Allow: %v, want the caller's deadline", err)
		}
		if got := time.Since(start); got != 10*time.Millisecond {
			t.Errorf("Allow took %v, want no longer than its caller waits", got)
		}
		sleep(100 * time.Millisecond)
		p.expect(t, "the call is overdue", local)
		p.expectCalls(t, "the call is overdue", 1)
		close(release)
	})
}

func TestAPanicOfPrimaryIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.primary.set(func(context.Context) error { panic("nil map") })
		p.expect(t, "panics", local, local)
		if !strings.Contains(p.log.String(), "nil map") {
			t.Errorf("the log does not name the panic: %s", p.log)
		}
	})
}
