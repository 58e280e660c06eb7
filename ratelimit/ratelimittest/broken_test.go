package ratelimittest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// asked is a limiter made of its method.
type asked func(ctx context.Context, key string) (ratelimit.Decision, error)

func (f asked) Allow(ctx context.Context, key string) (ratelimit.Decision, error) {
	return f(ctx, key)
}

// maker makes a limiter that breaks a rule.
type maker func(limit int64, window time.Duration) asked

// lies returns limiters that count right and answer wrong.
func lies(change func(*ratelimit.Decision)) maker {
	return func(limit int64, window time.Duration) asked {
		f := newFixed(limit, window)
		return func(ctx context.Context, key string) (ratelimit.Decision, error) {
			d, err := f.Allow(ctx, key)
			if err == nil {
				change(&d)
			}
			return d, err
		}
	}
}

// confuses returns limiters that take one key for another.
func confuses(change func(string) string) maker {
	return func(limit int64, window time.Duration) asked {
		f := newFixed(limit, window)
		return func(ctx context.Context, key string) (ratelimit.Decision, error) {
			return f.Allow(ctx, change(key))
		}
	}
}

// miscounts returns limiters that treat their counts wrongly.
func miscounts(add func(f *fixed, key string) *count) maker {
	return func(limit int64, window time.Duration) asked {
		f := newFixed(limit, window)
		return func(ctx context.Context, key string) (ratelimit.Decision, error) {
			if err := ctx.Err(); err != nil {
				return ratelimit.Decision{}, err
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.decide(add(f, key)), nil
		}
	}
}

// blunders returns limiters that do wrong when the context has ended.
func blunders(do func(f *fixed) (ratelimit.Decision, error)) maker {
	return func(limit int64, window time.Duration) asked {
		f := newFixed(limit, window)
		return func(ctx context.Context, key string) (ratelimit.Decision, error) {
			if ctx.Err() != nil {
				return do(f)
			}
			return f.Allow(ctx, key)
		}
	}
}

const (
	exact      = "a window allows exactly its limit"
	concurrent = "a window allows exactly its limit to concurrent requests"
	pair       = "two limiters on shared counters allow exactly the limit"
	apart      = "keys are counted independently"
	odd        = "unusual keys are keys like others"
	remaining  = "remaining counts down to 0 and stays there"
	rate       = "limit and window are reported"
	reset      = "reset is above 0 and within the window"
	again      = "a new window allows the whole limit again"
	waits      = "a client that waits for ResetAfter is allowed"
	denials    = "denied requests do not make the window longer"
	ended      = "an ended context does not block"
)

type brokenLimiter struct {
	name string
	make maker
	want []string // the names of the checks that it fails
}

func brokenCounts() []brokenLimiter {
	return []brokenLimiter{
		{"one too many", func(limit int64, window time.Duration) asked {
			return newFixed(limit+1, window).Allow
		}, []string{exact, concurrent, pair, apart, odd, remaining, rate, again, ended}},
		{"never denies", lies(func(d *ratelimit.Decision) { d.Allowed = true }), []string{exact, concurrent, pair, apart, odd, again, waits, denials, ended}},
		{"reads and writes in two steps", losesUpdates, []string{concurrent, pair}},
		{"one count for all keys", confuses(func(string) string { return "" }), []string{apart, odd}},
		{"cuts long keys", confuses(func(k string) string { return k[:min(len(k), 1000)] }), []string{odd}},
		{"trims keys", confuses(strings.TrimSpace), []string{odd}},
		{"folds the case of keys", confuses(strings.ToLower), []string{odd}},
		{"replaces what is not UTF-8", confuses(func(k string) string { return strings.ToValidUTF8(k, "\ufffd") }), []string{odd}},
		{"ends keys at a NUL", confuses(func(k string) string { k, _, _ = strings.Cut(k, "\x00"); return k }), []string{odd}},
		{"refuses the empty key", refusesTheEmptyKey, []string{odd}},
	}
}

func brokenAnswers() []brokenLimiter {
	return []brokenLimiter{
		{"remaining below 0", lies(func(d *ratelimit.Decision) {
			if !d.Allowed {
				d.Remaining = -1
			}
		}), []string{remaining}},
		{"remaining before the request", lies(func(d *ratelimit.Decision) {
			if d.Allowed {
				d.Remaining++
			}
		}), []string{remaining, again}},
		{"no window", lies(func(d *ratelimit.Decision) { d.Window = 0 }), []string{rate}},
		{"no limit on a denial", lies(func(d *ratelimit.Decision) {
			if !d.Allowed {
				d.Limit = 0
			}
		}), []string{rate}},
		{"no reset on a denial", lies(func(d *ratelimit.Decision) {
			if !d.Allowed {
				d.ResetAfter = 0
			}
		}), []string{reset, waits, denials}},
		{"reset in whole units, cut off", lies(func(d *ratelimit.Decision) {
			d.ResetAfter = max(1, d.ResetAfter.Truncate(d.Window/10))
		}), []string{waits}},
		{"reset longer than the window", lies(func(d *ratelimit.Decision) { d.ResetAfter += d.Window }), []string{reset}},
	}
}

func brokenWindows() []brokenLimiter {
	return []brokenLimiter{
		{"denials begin a new window", miscounts(beginsAgainWhenDenied), []string{denials}},
		{"denials begin a new window in secret", beginsAgainInSecret, []string{again, waits, denials}},
		{"a key without an end", miscounts(neverEnds), []string{again, waits, denials}},
		{"a window that keeps its denials", miscounts(keepsDenials), []string{again, waits, denials}},
		{"a new window with room for one", miscounts(leavesRoomForOne), []string{again}},
	}
}

func brokenContexts() []brokenLimiter {
	return []brokenLimiter{
		{"hangs when the context has ended", blunders(func(*fixed) (ratelimit.Decision, error) {
			<-time.After(time.Hour)
			return ratelimit.Decision{}, context.Canceled
		}), []string{ended}},
		{"counts double when the context has ended", blunders(func(f *fixed) (ratelimit.Decision, error) {
			f.count("k").n += 2
			return ratelimit.Decision{}, context.Canceled
		}), []string{ended}},
		{"no answer when the context has ended", blunders(func(*fixed) (ratelimit.Decision, error) {
			return ratelimit.Decision{}, nil
		}), []string{ended}},
	}
}

func TestBrokenLimitersFail(t *testing.T) {
	for _, tt := range slices.Concat(brokenCounts(), brokenAnswers(), brokenWindows(), brokenContexts()) {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, failures(t, together(tt.make))); diff != "" {
				t.Errorf("failed checks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimitersThatCountApartFail(t *testing.T) {
	h := together(func(limit int64, window time.Duration) asked { return newFixed(limit, window).Allow })
	h.OpenPair = func(_ testing.TB, limit int64, window time.Duration) (a, b ratelimit.Limiter) {
		return newFixed(limit, window), newFixed(limit, window)
	}
	if diff := cmp.Diff([]string{pair}, failures(t, h)); diff != "" {
		t.Errorf("failed checks (-want +got):\n%s", diff)
	}
}

// together is a harness whose pairs are one limiter.
func together(mk maker) Harness {
	return Harness{
		Open: func(_ testing.TB, limit int64, window time.Duration) ratelimit.Limiter {
			return mk(limit, window)
		},
		OpenPair: func(_ testing.TB, limit int64, window time.Duration) (a, b ratelimit.Limiter) {
			l := mk(limit, window)
			return l, l
		},
		Bubble: true,
	}
}

// failures returns the names of the checks that h fails.
func failures(t *testing.T, h Harness) []string {
	t.Helper()
	var names []string
	for c := range slices.Values(checks) {
		h.withDefaults().run(t, c, func(err error) {
			if err != nil {
				t.Logf("%s: %v", c.name, err)
				names = append(names, c.name)
			}
			// A bubble ends when all its calls have come back.
			<-time.After(time.Hour)
		})
	}
	return names
}

// losesUpdates forgets the requests that come while it counts another.
func losesUpdates(limit int64, window time.Duration) asked {
	f := newFixed(limit, window)
	return func(ctx context.Context, key string) (ratelimit.Decision, error) {
		if err := ctx.Err(); err != nil {
			return ratelimit.Decision{}, err
		}
		f.mu.Lock()
		c := f.count(key)
		n := c.n + 1
		f.mu.Unlock()
		<-time.After(time.Nanosecond)
		f.mu.Lock()
		defer f.mu.Unlock()
		c.n = n
		return f.decide(c), nil
	}
}

func refusesTheEmptyKey(limit int64, window time.Duration) asked {
	f := newFixed(limit, window)
	return func(ctx context.Context, key string) (ratelimit.Decision, error) {
		if key == "" {
			return ratelimit.Decision{}, errors.New("no key")
		}
		return f.Allow(ctx, key)
	}
}

func beginsAgainWhenDenied(f *fixed, key string) *count {
	c := f.count(key)
	if c.n++; c.n > f.limit {
		c.end = time.Now().Add(f.window)
	}
	return c
}

func beginsAgainInSecret(limit int64, window time.Duration) asked {
	f := newFixed(limit, window)
	return func(ctx context.Context, key string) (ratelimit.Decision, error) {
		d, err := f.Allow(ctx, key)
		if err == nil && !d.Allowed {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.count(key).end = time.Now().Add(f.window)
			d.ResetAfter = 1
		}
		return d, err
	}
}

// neverEnds is what a counter in Redis does whose expiry was not set.
func neverEnds(f *fixed, key string) *count {
	if f.keys[key] == nil {
		f.keys[key] = &count{}
	}
	c := f.keys[key]
	c.n++
	c.end = time.Now().Add(f.window)
	return c
}

func keepsDenials(f *fixed, key string) *count {
	var debt int64
	if c := f.keys[key]; c != nil && !time.Now().Before(c.end) {
		debt = max(0, c.n-f.limit)
	}
	c := f.count(key)
	c.n += debt + 1
	return c
}

func leavesRoomForOne(f *fixed, key string) *count {
	isNew := f.keys[key] != nil && !time.Now().Before(f.keys[key].end)
	c := f.count(key)
	if isNew {
		c.n = f.limit - 1
	}
	c.n++
	return c
}
