package redislimiter_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
	"github.com/eventmetrics/eventmetrics/ratelimit/ratelimittest"
	"github.com/eventmetrics/eventmetrics/ratelimit/redislimiter"
)

// TestMain counts forever instead of running the tests, in a child process.
func TestMain(m *testing.M) {
	if url := os.Getenv(victimURL); url != "" {
		victim(url)
	}
	goleak.VerifyTestMain(m)
}

func ExampleOpen() {
	opts := &redislimiter.Options{Limit: 2, Window: time.Hour}
	shared, err := redislimiter.Open("redis://127.0.0.1:1", opts) // no server listens
	if err != nil {
		panic(err)
	}
	defer shared.Close()
	local, err := memlimiter.New(&memlimiter.Options{Limit: opts.Limit, Window: opts.Window})
	if err != nil {
		panic(err)
	}
	l := ratelimit.Fallback(shared, local, nil)
	for range 3 {
		d, err := l.Allow(context.Background(), "203.0.113.5")
		fmt.Println(d.Allowed, d.Remaining, err)
	}
	// Output:
	// true 1 <nil>
	// true 0 <nil>
	// false 0 <nil>
}

func open(t testing.TB, url string, o *redislimiter.Options) *redislimiter.Limiter {
	t.Helper()
	l, err := redislimiter.Open(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

func ask(t testing.TB, l ratelimit.Limiter, key string) ratelimit.Decision {
	t.Helper()
	d, err := l.Allow(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// do does something to a server.
func do(t testing.TB, something func() error) {
	t.Helper()
	if err := something(); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	url := testenv.RedisURL(t)
	ratelimittest.Run(t, ratelimittest.Harness{
		Window: 200 * time.Millisecond,
		Open: func(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter {
			return open(t, url, &redislimiter.Options{Limit: limit, Window: window, Prefix: testenv.Name(t)})
		},
		OpenPair: func(t testing.TB, limit int64, window time.Duration) (a, b ratelimit.Limiter) {
			o := &redislimiter.Options{Limit: limit, Window: window, Prefix: testenv.Name(t)}
			return open(t, url, o), open(t, url, o)
		},
		OpenCut: func(t testing.TB, limit int64, window time.Duration) (ratelimit.Limiter, func()) {
			client, cut := cuttable(t, url)
			l, err := redislimiter.New(client, &redislimiter.Options{Limit: limit, Window: window, Prefix: testenv.Name(t)})
			if err != nil {
				t.Fatal(err)
			}
			return l, cut
		},
	})
}

// cuttable returns a client, and a function that ends its connections.
func cuttable(t testing.TB, url string) (redis.UniversalClient, func()) {
	t.Helper()
	var mu sync.Mutex
	var conns []net.Conn
	gone := false
	client := testenv.RedisClient(t, url, func(ctx context.Context, network, addr string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if gone {
			return nil, errors.New("no route to host")
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			conns = append(conns, conn)
		}
		return conn, err
	})
	return client, func() {
		mu.Lock()
		defer mu.Unlock()
		gone = true
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
}

func TestDefaults(t *testing.T) {
	url := testenv.Redis(t).URL
	client := testenv.RedisClient(t, url, nil)
	for i, o := range []*redislimiter.Options{nil, {}} {
		l, err := redislimiter.New(client, o)
		if err != nil {
			t.Fatal(err)
		}
		d := ask(t, l, "k"+strconv.Itoa(i))
		want := ratelimit.Decision{Allowed: true, Limit: 1, ResetAfter: time.Minute, Window: time.Minute}
		if diff := cmp.Diff(want, d, cmpopts.IgnoreFields(want, "GiveBack")); diff != "" {
			t.Errorf("first decision (-want +got):\n%s", diff)
		}
		if n := client.Exists(t.Context(), "eventmetrics:limit:k"+strconv.Itoa(i)).Val(); n != 1 {
			t.Error("the key is not where its documentation says")
		}
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Errorf("a borrowed client was closed: %v", err)
	}
}

func TestOptionsOutOfRangeAreNamed(t *testing.T) {
	tests := []struct {
		name string
		o    redislimiter.Options
	}{
		{"limit", redislimiter.Options{Limit: -1}},
		{"window", redislimiter.Options{Window: -1}},
		{"window", redislimiter.Options{Window: time.Millisecond}},
		{"window", redislimiter.Options{Window: math.MaxInt64}},
		{"milliseconds", redislimiter.Options{Window: time.Second + time.Microsecond}},
	}
	for _, tt := range tests {
		l, err := redislimiter.Open("redis://127.0.0.1:1", &tt.o)
		if err == nil || l != nil || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("Open(%+v) = %v, %v, want an error that names the %s", tt.o, l, err, tt.name)
		}
	}
}

func TestLimitersWithOtherPrefixesCountApart(t *testing.T) {
	url := testenv.RedisURL(t)
	for range 2 {
		if d := ask(t, open(t, url, &redislimiter.Options{Prefix: testenv.Name(t)}), "k"); !d.Allowed {
			t.Errorf("the first request of a prefix: %+v", d)
		}
	}
}

// TestResetAfterIsExact waits to the millisecond, which the suite does not ask
// for.
func TestResetAfterIsExact(t *testing.T) {
	l := open(t, testenv.RedisURL(t), &redislimiter.Options{Window: 20 * time.Millisecond, Prefix: testenv.Name(t)})
	for range 25 {
		d := ask(t, l, "k")
		for d.Allowed {
			d = ask(t, l, "k")
		}
		<-time.After(d.ResetAfter)
		if d := ask(t, l, "k"); !d.Allowed {
			t.Fatalf("a client that waited as told: %+v", d)
		}
	}
}

func TestErrorsOfTheContextAreTold(t *testing.T) {
	l := open(t, testenv.RedisURL(t), &redislimiter.Options{Prefix: testenv.Name(t)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Allow(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("Allow: %v, want the context's error", err)
	}
	if d := ask(t, l, "k"); !d.Allowed {
		t.Errorf("a request with an ended context was counted: %+v", d)
	}
}

func BenchmarkAllow(b *testing.B) {
	l := open(b, testenv.RedisURL(b), &redislimiter.Options{Limit: 10, Prefix: testenv.Name(b)})
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprintf("2001:db8:%x::/64", i)
	}
	b.Run("one caller", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			ask(b, l, keys[i%len(keys)])
		}
	})
	b.Run("16 callers a processor", func(b *testing.B) {
		var next atomic.Int64
		b.SetParallelism(16)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := int(next.Add(7919)); pb.Next(); i++ {
				if _, err := l.Allow(b.Context(), keys[i%len(keys)]); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
