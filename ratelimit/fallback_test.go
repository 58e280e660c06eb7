package ratelimit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limiter is a Limiter whose answer can change. Its Limit tells who decided.
type limiter struct {
	limit int64
	calls atomic.Int64

	mu     sync.Mutex
	answer func(context.Context) error
}

func (l *limiter) Allow(ctx context.Context, _ string) (ratelimit.Decision, error) {
	l.calls.Add(1)
	l.mu.Lock()
	answer := l.answer
	l.mu.Unlock()
	if answer != nil {
		if err := answer(ctx); err != nil {
			return ratelimit.Decision{}, err
		}
	}
	return ratelimit.Decision{Allowed: true, Limit: l.limit}, nil
}

func (l *limiter) set(answer func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = answer
}

func down(context.Context) error { return errors.New("connection refused") }

func waits(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

const remote, local = 1000, 10

// pair is a fallback with both its limiters and its log.
type pair struct {
	ratelimit.Limiter
	primary, local *limiter
	log            *bytes.Buffer
}

func newPair() *pair {
	p := &pair{primary: &limiter{limit: remote}, local: &limiter{limit: local}, log: &bytes.Buffer{}}
	p.Limiter = ratelimit.Fallback(p.primary, p.local, &ratelimit.FallbackOptions{
		Logger: slog.New(slog.NewTextHandler(p.log, nil)),
	})
	return p
}

// decidedBy asks once and says who decided.
func (p *pair) decidedBy(t *testing.T) int64 {
	t.Helper()
	d, err := p.Allow(t.Context(), "k")
	if err != nil {
		t.Fatalf("Allow: %v", err)
	}
	return d.Limit
}

func (p *pair) expect(t *testing.T, when string, want ...int64) {
	t.Helper()
	got := make([]int64, len(want))
	for i := range want {
		got[i] = p.decidedBy(t)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: decided by (-want +got):\n%s", when, diff)
	}
}

func (p *pair) expectCalls(t *testing.T, when string, primary int64) {
	t.Helper()
	if got := p.primary.calls.Load(); got != primary {
		t.Errorf("%s: primary was asked %d times, want %d", when, got, primary)
	}
}

// sleep advances the clock of a bubble.
func sleep(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func ExampleFallback() {
	redis := &limiter{limit: 1000, answer: down}
	memory := &limiter{limit: 10}
	l := ratelimit.Fallback(redis, memory, &ratelimit.FallbackOptions{Timeout: 50 * time.Millisecond})

	for range 3 {
		d, err := l.Allow(context.Background(), "203.0.113.5")
		fmt.Println(d.Allowed, d.Limit, err)
	}
	fmt.Println("redis was asked", redis.calls.Load(), "time")
	// Output:
	// true 10 <nil>
	// true 10 <nil>
	// true 10 <nil>
	// redis was asked 1 time
}

func TestPrimaryDecidesWhileItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.expect(t, "healthy", remote, remote, remote)
		if n := p.local.calls.Load(); n != 0 {
			t.Errorf("local was asked %d times, want 0", n)
		}
		if p.log.Len() != 0 {
			t.Errorf("nothing changed, but the log has %s", p.log)
		}
	})
}

func TestAFailureSwitchesToLocalForThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.primary.set(down)
		p.expect(t, "after the failure", local, local)
		p.expectCalls(t, "after the failure", 1)
		sleep(5*time.Second - 1)
		p.expect(t, "just before the pause ends", local)
		p.expectCalls(t, "just before the pause ends", 1)
		sleep(1)
		p.expect(t, "after the pause", local, local)
		p.expectCalls(t, "after the pause, one probe", 2)
		p.primary.set(nil)
		p.expect(t, "primary is well, but pauses", local)
		sleep(5 * time.Second)
		p.expect(t, "after a good probe", remote, remote)
		p.expectCalls(t, "in all", 4)
	})
}

func TestEveryChangeIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.primary.set(down)
		for range 3 { // the failure and two failed probes
			p.expect(t, "away", local, local)
			sleep(5 * time.Second)
		}
		p.primary.set(nil)
		p.expect(t, "back", remote, remote)
		var levels []string
		for line := range strings.Lines(p.log.String()) {
			levels = append(levels, strings.Fields(line)[1])
		}
		if diff := cmp.Diff([]string{"level=WARN", "level=INFO"}, levels); diff != "" {
			t.Errorf("log (-want +got):\n%s\n%s", diff, p.log)
		}
		if !strings.Contains(p.log.String(), "connection refused") {
			t.Errorf("the log does not name the error: %s", p.log)
		}
	})
}

func TestASlowPrimaryIsLeftAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.primary.set(waits)
		start := time.Now()
		p.expect(t, "slow", local)
		if got := time.Since(start); got != 100*time.Millisecond {
			t.Errorf("Allow took %v, want the timeout", got)
		}
		start = time.Now()
		p.expect(t, "known as slow", local)
		if got := time.Since(start); got != 0 {
			t.Errorf("Allow took %v during the pause, want 0", got)
		}
	})
}

func TestAPrimaryThatHangsIsNotAskedUntilItComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		release := make(chan struct{})
		p.primary.set(func(context.Context) error { <-release; return nil })
		p.expect(t, "hangs", local)
		for range 10 {
			sleep(time.Minute)
			p.expect(t, "still hangs", local)
		}
		p.expectCalls(t, "while one call hangs", 1)
		close(release)
		synctest.Wait()
		p.expect(t, "came back", remote)
	})
}

func TestCallersThatHangTogetherAllReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		release := make(chan struct{})
		p.primary.set(func(context.Context) error { <-release; return nil })
		start := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { p.expect(t, "hangs", local) })
		}
		wg.Wait()
		if got := time.Since(start); got != 100*time.Millisecond {
			t.Errorf("50 callers took %v, want the timeout", got)
		}
		sleep(time.Minute)
		p.expect(t, "still hangs", local)
		p.expectCalls(t, "while calls hang", 50)
		if n := strings.Count(p.log.String(), "\n"); n != 1 {
			t.Errorf("the log has %d lines, want 1:\n%s", n, p.log)
		}
		close(release)
		synctest.Wait()
		p.expect(t, "all came back", remote)
	})
}

func TestAnErrorOfLocalIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		broken := errors.New("broken")
		p.primary.set(down)
		p.local.set(func(context.Context) error { return broken })
		if _, err := p.Allow(t.Context(), "k"); !errors.Is(err, broken) {
			t.Errorf("Allow: %v, want the error of local", err)
		}
	})
}

func TestOptionsOfFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		primary, second := &limiter{limit: remote}, &limiter{limit: local}
		l := ratelimit.Fallback(primary, second, &ratelimit.FallbackOptions{Timeout: time.Second, Pause: time.Minute})
		primary.set(waits)
		start := time.Now()
		if _, err := l.Allow(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("Allow took %v, want the timeout", got)
		}
		primary.set(nil)
		sleep(time.Minute)
		if d, err := l.Allow(t.Context(), "k"); err != nil || d.Limit != remote {
			t.Errorf("after the pause Allow = %+v, %v, want the primary's", d, err)
		}
	})
}

func TestUnlimitedAllows(t *testing.T) {
	d, err := ratelimit.Unlimited{}.Allow(t.Context(), "k")
	if diff := cmp.Diff(ratelimit.Decision{Allowed: true}, d); err != nil || diff != "" {
		t.Errorf("Allow: %v (-want +got):\n%s", err, diff)
	}
}

func BenchmarkFallback(b *testing.B) {
	l := ratelimit.Fallback(ratelimit.Unlimited{}, ratelimit.Unlimited{}, nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Allow(b.Context(), "k"); err != nil {
				b.Error(err)
			}
		}
	})
}
