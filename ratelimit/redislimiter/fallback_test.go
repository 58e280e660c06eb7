package redislimiter_test

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
	"github.com/eventmetrics/eventmetrics/ratelimit/redislimiter"
)

// Who has decided is told by the limit.
const remote, local = 1_000_000, 10

// counted counts the questions to a limiter.
type counted struct {
	ratelimit.Limiter
	calls atomic.Int64
}

func (c *counted) Allow(ctx context.Context, key string) (ratelimit.Decision, error) {
	c.calls.Add(1)
	return c.Limiter.Allow(ctx, key)
}

// fallback returns a limiter on Redis that falls back to a local one.
type fallback struct {
	ratelimit.Limiter
	primary *counted
}

func newFallback(t testing.TB, url string, pause time.Duration) *fallback {
	t.Helper()
	memory, err := memlimiter.New(&memlimiter.Options{Limit: local, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	primary := &counted{Limiter: open(t, url, &redislimiter.Options{Limit: remote, Window: time.Hour})}
	return &fallback{ratelimit.Fallback(primary, memory, &ratelimit.FallbackOptions{Pause: pause}), primary}
}

// untilDecidedBy asks until the limiter with a limit decides.
func (f *fallback) untilDecidedBy(t *testing.T, limit int64) {
	t.Helper()
	if !eventually(func() bool { return ask(t, f, "probe").Limit == limit }) {
		t.Fatalf("no request was decided by the limiter with a limit of %d", limit)
	}
}

// connect asks Redis directly: a slow answer to the fallback would begin its
// pause.
func (f *fallback) connect(t *testing.T) {
	t.Helper()
	if d := ask(t, f.primary, "probe"); d.Limit != remote {
		t.Fatalf("Redis answers %+v", d)
	}
}

// expectLocal asks n times. Of these, only the first few may wait for Redis.
func (f *fallback) expectLocal(t *testing.T, n, questions int) {
	t.Helper()
	const slow = 100 * time.Millisecond // what Fallback gives Redis
	before, waited := f.primary.calls.Load(), 0
	for i := range n {
		start := time.Now()
		d := ask(t, f, "k")
		if time.Since(start) >= slow {
			waited++
		}
		if d.Limit != local || d.Allowed != (i < local) {
			t.Fatalf("request %d: %+v, want to be counted locally", i+1, d)
		}
	}
	if got := f.primary.calls.Load() - before; got != int64(questions) {
		t.Errorf("Redis was asked %d times in one pause, want %d", got, questions)
	}
	// A request that is decided locally can be slow too, where the machine is.
	if waited > questions+n/10 {
		t.Errorf("%d of %d requests waited, want %d", waited, n, questions)
	}
}

func TestAHungRedisCostsOneWaitInAPause(t *testing.T) {
	t.Run("with a connection", func(t *testing.T) {
		s := testenv.Redis(t)
		f := newFallback(t, s.URL, time.Hour)
		f.connect(t)
		do(t, s.Pause)
		f.expectLocal(t, 50, 1)
	})
	t.Run("from the beginning", func(t *testing.T) {
		s := testenv.Redis(t)
		do(t, s.Pause)
		f := newFallback(t, s.URL, time.Hour)
		f.expectLocal(t, 50, 1)
	})
}

func TestADeadRedisIsAskedOnceInAPause(t *testing.T) {
	s := testenv.Redis(t)
	f := newFallback(t, s.URL, time.Hour)
	f.connect(t)
	do(t, s.Kill)
	f.expectLocal(t, 50, 1)
}

// TestRedisDecidesAgainWhenItIsBack does not open the limiter again in between.
func TestRedisDecidesAgainWhenItIsBack(t *testing.T) {
	s := testenv.Redis(t)
	f := newFallback(t, s.URL, 50*time.Millisecond)
	for range 2 {
		f.untilDecidedBy(t, remote)
		do(t, s.Pause)
		f.untilDecidedBy(t, local)
		do(t, s.Resume)
		f.untilDecidedBy(t, remote)
		do(t, s.Kill)
		f.untilDecidedBy(t, local)
		do(t, s.Restart) // without its scripts and counters
	}
	f.untilDecidedBy(t, remote)
}

func TestALimiterCanBeMadeBeforeItsRedis(t *testing.T) {
	s := testenv.Redis(t)
	do(t, s.Kill)
	f := newFallback(t, s.URL, 50*time.Millisecond)
	f.untilDecidedBy(t, local)
	do(t, s.Restart)
	f.untilDecidedBy(t, remote)
}

func TestCallersThatHangTogetherAllReturn(t *testing.T) {
	s := testenv.Redis(t)
	f := newFallback(t, s.URL, time.Hour)
	f.connect(t)
	do(t, s.Pause)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if d, err := f.Allow(t.Context(), "k"); err != nil || d.Limit != local {
				t.Errorf("Allow = %+v, %v, want to be counted locally", d, err)
			}
		})
	}
	wg.Wait()
	f.expectNoMoreQuestions(t)
}

func (f *fallback) expectNoMoreQuestions(t *testing.T) {
	t.Helper()
	before := f.primary.calls.Load()
	for range 20 {
		ask(t, f, "other")
	}
	if got := f.primary.calls.Load() - before; got != 0 {
		t.Errorf("a Redis that hangs was asked %d times more", got)
	}
}

func TestStaleConnectionsDoNotFailAfterARestart(t *testing.T) {
	s := testenv.Redis(t)
	l := open(t, s.URL, &redislimiter.Options{Limit: remote, Window: time.Hour})
	var wg sync.WaitGroup
	for range 20 { // some connections
		wg.Go(func() {
			for range 20 {
				ask(t, l, "k")
			}
		})
	}
	wg.Wait()
	do(t, s.Kill)
	do(t, s.Restart)
	for range 20 {
		ask(t, l, "k")
	}
}

func TestAHungRedisIsLeftInTime(t *testing.T) {
	s := testenv.Redis(t)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	// A client of its user's, who has set what New advises.
	client := redis.NewClient(&redis.Options{
		Addr: u.Host, ContextTimeoutEnabled: true, MaxRetries: -1, ReadTimeout: time.Hour, WriteTimeout: time.Hour, DialTimeout: time.Hour,
	})
	defer client.Close()
	borrowed, err := redislimiter.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	owned := open(t, s.URL, nil)
	do(t, s.Pause)
	const long = 30 * time.Second // against the 50 ms and 1 s that are meant
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if d, err := borrowed.Allow(ctx, "k"); err == nil || time.Since(start) > long {
		t.Errorf("with a deadline: %+v, %v after %v", d, err, time.Since(start))
	}
	start = time.Now()
	if d, err := owned.Allow(t.Context(), "k"); err == nil || time.Since(start) > long {
		t.Errorf("without a deadline: %+v, %v after %v", d, err, time.Since(start))
	}
}
