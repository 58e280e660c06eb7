package memlimiter_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
	"github.com/eventmetrics/eventmetrics/ratelimit/ratelimittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ExampleNew() {
	l, err := memlimiter.New(&memlimiter.Options{Limit: 2, Window: time.Hour})
	if err != nil {
		panic(err)
	}
	for range 3 {
		d, err := l.Allow(context.Background(), "203.0.113.5")
		fmt.Println(d.Allowed, d.Remaining, err)
	}
	// Output:
	// true 1 <nil>
	// true 0 <nil>
	// false 0 <nil>
}

func open(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter {
	t.Helper()
	return newLimiter(t, &memlimiter.Options{Limit: limit, Window: window})
}

func newLimiter(t testing.TB, o *memlimiter.Options) *memlimiter.Limiter {
	t.Helper()
	l, err := memlimiter.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestConformance(t *testing.T) {
	t.Run("in a bubble", func(t *testing.T) {
		ratelimittest.Run(t, ratelimittest.Harness{Open: open, Bubble: true})
	})
	t.Run("in real time", func(t *testing.T) {
		ratelimittest.Run(t, ratelimittest.Harness{Open: open, Window: 100 * time.Millisecond})
	})
	t.Run("with a full keyring", func(t *testing.T) {
		ratelimittest.Run(t, ratelimittest.Harness{Open: openFull, Bubble: true})
	})
}

// openFull returns a limiter that other keys have filled before.
func openFull(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter {
	t.Helper()
	l := newLimiter(t, &memlimiter.Options{Limit: limit, Window: window, MaxKeys: 200})
	for i := range 1000 {
		ask(t, l, "other "+strconv.Itoa(i))
	}
	return l
}

// data compares what a decision says.
var data = cmpopts.IgnoreFields(ratelimit.Decision{}, "GiveBack")

func ask(t testing.TB, l ratelimit.Limiter, key string) ratelimit.Decision {
	t.Helper()
	d, err := l.Allow(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDefaults(t *testing.T) {
	for _, o := range []*memlimiter.Options{nil, {}} {
		d := ask(t, newLimiter(t, o), "k")
		d.ResetAfter = 0
		want := ratelimit.Decision{Allowed: true, Limit: 1, Window: time.Minute}
		if diff := cmp.Diff(want, d, data); diff != "" {
			t.Errorf("first decision (-want +got):\n%s", diff)
		}
	}
}

func TestOptionsOutOfRangeAreNamed(t *testing.T) {
	tests := []struct {
		name string
		o    memlimiter.Options
	}{
		{"limit", memlimiter.Options{Limit: -1}},
		{"window", memlimiter.Options{Window: -1}},
		{"window", memlimiter.Options{Window: math.MaxInt64}},
		{"keys", memlimiter.Options{MaxKeys: -1}},
		{"keys", memlimiter.Options{MaxKeys: 1}},
	}
	for _, tt := range tests {
		if l, err := memlimiter.New(&tt.o); err == nil || l != nil || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("New(%+v) = %v, %v, want an error that names the %s", tt.o, l, err, tt.name)
		}
	}
}

func TestAClientThatWaitsAsToldIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, 1, time.Minute)
		ask(t, l, "k")
		<-time.After(13 * time.Second)
		d := ask(t, l, "k")
		if d.Allowed || d.ResetAfter != 47*time.Second {
			t.Fatalf("after 13 s of 60: %+v", d)
		}
		<-time.After(d.ResetAfter - 1)
		if d := ask(t, l, "k"); d.Allowed {
			t.Errorf("a nanosecond early: %+v", d)
		}
		<-time.After(1)
		if d := ask(t, l, "k"); !d.Allowed || d.ResetAfter != time.Minute {
			t.Errorf("on time: %+v", d)
		}
	})
}

func TestTwiceTheLimitLessOneFitsAroundTheEndOfAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 5
		l := open(t, limit, time.Minute)
		ask(t, l, "k")
		<-time.After(time.Minute - 1)
		allowed := 0
		for range 2 {
			for range 2 * limit {
				if ask(t, l, "k").Allowed {
					allowed++
				}
			}
			<-time.After(1)
		}
		if allowed != 2*limit-1 {
			t.Errorf("%d requests were allowed within a nanosecond, want %d", allowed, 2*limit-1)
		}
	})
}

func TestAWindowSurvivesUntilHalfOfMaxKeysHaveCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, &memlimiter.Options{Window: time.Hour, MaxKeys: 100})
		for round := range 50 {
			for i := range 49 {
				ask(t, l, fmt.Sprint(round, i))
			}
			if d := ask(t, l, "k"); d.Allowed != (round == 0) {
				t.Fatalf("round %d: %+v", round, d)
			}
		}
	})
}

func TestAnAttackerWithManyAddressesDoesNotShutOutOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, &memlimiter.Options{Window: time.Hour, MaxKeys: 100})
		for i := range 10_000 {
			if d := ask(t, l, strconv.Itoa(i)); !d.Allowed {
				t.Fatalf("new key %d: %+v", i, d)
			}
		}
	})
}

// TestTheLimitHoldsForAnySchedule compares with a count of what was allowed, in
// windows as the contract has them.
func TestTheLimitHoldsForAnySchedule(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.Int64Range(1, 5).Draw(rt, "limit")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 90), 1, 60).Draw(rt, "seconds between requests")
		keys := rapid.SliceOfN(rapid.IntRange(0, 3), len(pauses), len(pauses)).Draw(rt, "keys")
		var diff string
		synctest.Test(t, func(t *testing.T) {
			diff = compare(t, limit, pauses, keys)
		})
		if diff != "" {
			rt.Fatalf("decisions (-want +got):\n%s", diff)
		}
	})
}

func compare(t *testing.T, limit int64, pauses, keys []int) string {
	t.Helper()
	l := open(t, limit, time.Minute)
	type window struct {
		n   int64
		end time.Time
	}
	windows := map[int]*window{}
	var want, got []ratelimit.Decision
	for i, pause := range pauses {
		<-time.After(time.Duration(pause) * time.Second)
		w := windows[keys[i]]
		if w == nil || !time.Now().Before(w.end) {
			w = &window{end: time.Now().Add(time.Minute)}
			windows[keys[i]] = w
		}
		w.n++
		want = append(want, ratelimit.Decision{
			Allowed: w.n <= limit, Limit: limit, Remaining: max(0, limit-w.n),
			ResetAfter: time.Until(w.end), Window: time.Minute,
		})
		got = append(got, ask(t, l, strconv.Itoa(keys[i])))
	}
	return cmp.Diff(want, got, data)
}

// TestMemoryIsBounded measures the heap, with a margin of several times what
// the keys take.
func TestMemoryIsBounded(t *testing.T) {
	const maxKeys, asked, bytesPerKey = 2000, 300_000, 1000
	l := newLimiter(t, &memlimiter.Options{Window: time.Hour, MaxKeys: maxKeys})
	before := heap()
	long := strings.Repeat("x", 1000)
	for i := range asked {
		ask(t, l, long+strconv.Itoa(i))
	}
	grown := heap() - before
	t.Logf("%d keys of 1 kB: %d bytes, %d a key held", asked, grown, grown/maxKeys)
	if grown > maxKeys*bytesPerKey {
		t.Errorf("the heap grew by %d bytes, want at most %d", grown, maxKeys*bytesPerKey)
	}
	runtime.KeepAlive(l)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkAllow(b *testing.B) {
	for _, keys := range []int{1, 1000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			l := newLimiter(b, &memlimiter.Options{Limit: 10, Window: time.Minute})
			names := make([]string, keys)
			for i := range names {
				names[i] = fmt.Sprintf("2001:db8:%x:%x::/64", i>>16, i&0xffff)
			}
			var next atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := int(next.Add(7919)); pb.Next(); i++ {
					if _, err := l.Allow(b.Context(), names[i%keys]); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
