package ratelimittest

import (
	"context"
	"errors"
	"os"
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
	ended      = "an ended context is returned as an error and counts nothing"
	begins     = "concurrent requests that begin a window are all counted"
	oneEnd     = "all requests of a window report the same end"
	lasts      = "a window begins with its first request and lasts as long as it says"
	outage     = "counters that are gone are ErrUnavailable"
)

const (
	back       = "each request that is given back makes room for one"
	backLate   = "a request that is given back after its window changes nothing"
	backAtOnce = "requests that are given back concurrently are all given back"
	backEnded  = "an ended context gives nothing back"
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
		}, []string{exact, concurrent, pair, begins, apart, odd, remaining, rate, oneEnd, again, ended, back, backAtOnce, backEnded}},
		{"never denies", lies(func(d *ratelimit.Decision) { d.Allowed = true }), []string{exact, concurrent, pair, begins, apart, odd, lasts, again, waits, denials, ended, back, backLate, backAtOnce, backEnded}},
		{"reads and writes in two steps", losesUpdates, []string{concurrent, pair, begins, backAtOnce}},
		{"makes counters in two steps", makesTwice, []string{concurrent, pair, begins, backAtOnce}},
		{"one count for all keys", confuses(func(string) string { return "" }), []string{begins, apart, odd, back}},
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
		}), []string{remaining, oneEnd, again}},
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
		}), []string{reset, waits, denials, backLate}},
		{"reset in whole units, cut off", lies(func(d *ratelimit.Decision) {
			d.ResetAfter = max(1, d.ResetAfter.Truncate(d.Window/10))
		}), []string{oneEnd, waits}},
		{"reset that does not count down", lies(func(d *ratelimit.Decision) {
			if d.Allowed {
				d.ResetAfter = d.Window
			}
		}), []string{oneEnd}},
		{"reset too early", lies(func(d *ratelimit.Decision) {
			if d.Allowed && d.Remaining < 9 {
				d.ResetAfter = 1
			}
		}), []string{oneEnd}},
		{"reset longer than the window", lies(func(d *ratelimit.Decision) { d.ResetAfter += d.Window }), []string{reset}},
	}
}

func brokenWindows() []brokenLimiter {
	return []brokenLimiter{
		{"denials begin a new window", miscounts(beginsAgainWhenDenied), []string{lasts, denials}},
		{"denials begin a new window in secret", beginsAgainInSecret, []string{lasts, again, waits, denials, backLate}},
		{"windows aligned with the clock", aligned, []string{lasts}},
		{"other keys end the window", endsWithOthers, []string{lasts}},
		{"a key without an end", miscounts(neverEnds), []string{oneEnd, lasts, again, waits, denials, backLate}},
		{"a window that keeps its denials", miscounts(keepsDenials), []string{lasts, again, waits, denials}},
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
		{"counts when the context has ended", blunders(func(f *fixed) (ratelimit.Decision, error) {
			f.count("k").n++
			return ratelimit.Decision{}, context.Canceled
		}), []string{ended}},
		{"knows cancelled contexts only", blunders(func(*fixed) (ratelimit.Decision, error) {
			return ratelimit.Decision{}, context.Canceled
		}), []string{ended}},
		{"takes the end of a context for an outage", blunders(func(*fixed) (ratelimit.Decision, error) {
			return ratelimit.Decision{}, ratelimit.ErrUnavailable
		}), []string{ended}},
		{"no answer when the context has ended", blunders(func(*fixed) (ratelimit.Decision, error) {
			return ratelimit.Decision{}, nil
		}), []string{ended}},
	}
}

// badly returns limiters that give back wrongly.
func badly(giveBack func(ctx context.Context, f *fixed, key string, c *count) error) maker {
	return func(limit int64, window time.Duration) asked {
		f := newFixed(limit, window)
		return func(ctx context.Context, key string) (ratelimit.Decision, error) {
			d, err := f.Allow(ctx, key)
			if err == nil && d.Allowed {
				f.mu.Lock()
				c := f.keys[key]
				f.mu.Unlock()
				d.GiveBack = func(ctx context.Context) error { return giveBack(ctx, f, key, c) }
			}
			return d, err
		}
	}
}

func brokenGiveBacks() []brokenLimiter {
	return []brokenLimiter{
		{"gives nothing back", badly(func(ctx context.Context, _ *fixed, _ string, _ *count) error { return ctx.Err() }), []string{back, backAtOnce}},
		{"gives two back", badly(func(ctx context.Context, f *fixed, _ string, c *count) error {
			return errors.Join(f.giveBack(ctx, c), f.giveBack(ctx, c))
		}), []string{back, backAtOnce}},
		{"gives back what was denied", badly(func(ctx context.Context, f *fixed, _ string, c *count) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			c.n--
			return ctx.Err()
		}), []string{back, backAtOnce, backEnded}},
		{"gives back in any window", badly(func(ctx context.Context, f *fixed, key string, _ *count) error {
			f.mu.Lock()
			c := f.count(key)
			f.mu.Unlock()
			return f.giveBack(ctx, c)
		}), []string{backLate}},
		{"gives back to the wrong key", badly(func(ctx context.Context, f *fixed, _ string, _ *count) error {
			f.mu.Lock()
			c := f.count("other")
			f.mu.Unlock()
			return f.giveBack(ctx, c)
		}), []string{back, backAtOnce}},
		{"gives back in two steps", badly(func(ctx context.Context, f *fixed, _ string, c *count) error {
			f.mu.Lock()
			n := min(c.n, f.limit) - 1
			f.mu.Unlock()
			<-time.After(time.Nanosecond)
			f.mu.Lock()
			defer f.mu.Unlock()
			if ctx.Err() == nil {
				c.n = n
			}
			return ctx.Err()
		}), []string{backAtOnce}},
		{"has something to give back when it denies", lies(func(d *ratelimit.Decision) {
			if d.GiveBack == nil {
				d.GiveBack = func(context.Context) error { return nil }
			}
		}), []string{back}},
		{"gives back when the context has ended", badly(func(ctx context.Context, f *fixed, _ string, c *count) error {
			return errors.Join(f.giveBack(context.WithoutCancel(ctx), c), ctx.Err())
		}), []string{backEnded}},
	}
}

// allBroken returns all limiters that break a rule.
func allBroken() []brokenLimiter {
	return slices.Concat(brokenCounts(), brokenAnswers(), brokenWindows(), brokenContexts(), brokenGiveBacks())
}

func TestBrokenLimitersFail(t *testing.T) {
	for _, tt := range allBroken() {
		t.Run(tt.name, func(t *testing.T) {
			got := failures(t, together(tt.make))
			t.Logf("GOT %s|%s", tt.name, strings.Join(got, ";"))
			if diff := cmp.Diff(tt.want, got); diff != "" {
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
	if diff := cmp.Diff([]string{pair, backAtOnce}, failures(t, h)); diff != "" {
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
		OpenCut: opensCut(mk, ratelimit.ErrUnavailable),
		Bubble:  true,
	}
}

// opensCut returns limiters that return an error when they are cut.
func opensCut(mk maker, gone error) func(testing.TB, int64, time.Duration) (ratelimit.Limiter, func()) {
	return func(_ testing.TB, limit int64, window time.Duration) (ratelimit.Limiter, func()) {
		l, cut := mk(limit, window), false
		return asked(func(ctx context.Context, key string) (ratelimit.Decision, error) {
			if cut {
				return ratelimit.Decision{}, gone
			}
			return l(ctx, key)
		}), func() { cut = true }
	}
}

func TestALimiterThatReturnsTheErrorsOfItsCountersFails(t *testing.T) {
	right := func(limit int64, window time.Duration) asked { return newFixed(limit, window).Allow }
	h := together(right)
	h.OpenCut = opensCut(right, errors.New("connection refused"))
	if diff := cmp.Diff([]string{outage}, failures(t, h)); diff != "" {
		t.Errorf("failed checks (-want +got):\n%s", diff)
	}
}

func TestAFieldThatIsLeftOutIsReportedByName(t *testing.T) {
	needed := map[string]bool{"": true}
	for _, c := range checks {
		needed[c.field] = true
	}
	for _, field := range fields {
		if (Harness{}).has(field) || !needed[field] {
			t.Errorf("field %s is set in an empty harness, or no check needs it", field)
		}
		delete(needed, field)
	}
	if len(needed) != 1 {
		t.Errorf("checks need fields that Run does not report: %v", needed)
	}
}

func TestEachCheckIsDocumentedAndProven(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString(pair + outage)
	for _, b := range allBroken() {
		want.WriteString(strings.Join(b.want, ""))
	}
	proven := want.String()
	for _, c := range checks {
		if strings.Count(string(text), "//   - "+c.name+"\n") != 1 {
			t.Errorf("doc.go does not list %q once", c.name)
		}
		if !strings.Contains(proven, c.name) {
			t.Errorf("no broken limiter fails %q", c.name)
		}
	}
	if n := strings.Count(string(text), "//   - "); n != len(checks) {
		t.Errorf("doc.go lists %d rules, the suite has %d", n, len(checks))
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

// makesTwice lets two requests that begin a window make a counter each.
func makesTwice(limit int64, window time.Duration) asked {
	f := newFixed(limit, window)
	return func(ctx context.Context, key string) (ratelimit.Decision, error) {
		if err := ctx.Err(); err != nil {
			return ratelimit.Decision{}, err
		}
		f.mu.Lock()
		known := f.keys[key] != nil && time.Now().Before(f.keys[key].end)
		f.mu.Unlock()
		if !known {
			<-time.After(time.Nanosecond)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if !known {
			f.keys[key] = &count{end: time.Now().Add(f.window)}
		}
		c := f.count(key)
		c.n++
		return f.decide(c), nil
	}
}

// aligned begins windows at multiples of their length.
func aligned(limit int64, window time.Duration) asked {
	return miscounts(func(f *fixed, key string) *count {
		c := f.count(key)
		if c.n++; c.n == 1 {
			c.end = time.Now().Truncate(f.window).Add(f.window)
		}
		return c
	})(limit, window)
}

func endsWithOthers(limit int64, window time.Duration) asked {
	return miscounts(func(f *fixed, key string) *count {
		if strings.HasPrefix(key, "other ") {
			delete(f.keys, "k")
		}
		c := f.count(key)
		c.n++
		return c
	})(limit, window)
}
