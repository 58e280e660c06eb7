package redislimiter_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/redislimiter"
)

// expectEnds checks that all counters of a prefix end, and that there are some.
func expectEnds(t *testing.T, client redis.UniversalClient, prefix string) {
	t.Helper()
	n := 0
	keys := client.Scan(t.Context(), 0, prefix+":*", 1000).Iterator()
	for keys.Next(t.Context()) {
		left, err := client.PTTL(t.Context(), keys.Val()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if left == -1 { // go-redis passes on the -1 of Redis
			t.Errorf("counter %q has no end", keys.Val())
		}
		n++
	}
	if err := keys.Err(); err != nil || n == 0 {
		t.Fatalf("%d counters are left: %v", n, err)
	}
}

func TestACounterWithoutAnEndGetsOne(t *testing.T) {
	url := testenv.Redis(t).URL
	client := testenv.RedisClient(t, url, nil)
	const window = 200 * time.Millisecond
	l := open(t, url, &redislimiter.Options{Limit: 5, Window: window, Prefix: "p"})
	tests := []struct {
		name string
		ends time.Duration
	}{
		{"never", 0},
		{"in an hour, because the clock was set back", time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := client.Set(t.Context(), "p:k", 1000, tt.ends).Err(); err != nil {
				t.Fatal(err)
			}
			d := ask(t, l, "k")
			if d.Allowed || d.ResetAfter <= 0 || d.ResetAfter > window {
				t.Fatalf("a counter that ends %s: %+v, want a denial for a window", tt.name, d)
			}
			<-time.After(d.ResetAfter)
			if d := ask(t, l, "k"); !d.Allowed || d.Remaining != 4 {
				t.Errorf("a window later: %+v, want a new window", d)
			}
		})
	}
}

func TestScriptFlushLosesNoCount(t *testing.T) {
	url := testenv.Redis(t).URL
	client := testenv.RedisClient(t, url, nil)
	const requests = 100
	l := open(t, url, &redislimiter.Options{Limit: requests, Window: time.Hour, Prefix: "p"})
	for i := range int64(requests) {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if d := ask(t, l, "k"); d.Remaining != requests-1-i {
			t.Fatalf("request %d: %+v", i+1, d)
		}
	}
	expectEnds(t, client, "p")
}

// TestCountersEndWhateverIsCutOff has callers that leave at any moment, while
// the scripts are flushed.
func TestCountersEndWhateverIsCutOff(t *testing.T) {
	url := testenv.Redis(t).URL
	client := testenv.RedisClient(t, url, nil)
	l := open(t, url, &redislimiter.Options{Window: time.Hour, Prefix: "p"})
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
				_, _ = l.Allow(ctx, fmt.Sprint(c, " ", i))
				cancel()
			}
		})
	}
	for range 200 {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	ask(t, l, "k")
	expectEnds(t, client, "p")
}

const victimURL = "REDISLIMITER_VICTIM"

// victim counts until it is killed, or Redis is.
func victim(url string) {
	l, err := redislimiter.Open(url, &redislimiter.Options{Window: time.Hour, Prefix: "p"})
	if err != nil {
		panic(err)
	}
	for i := 0; err == nil; i++ {
		_, err = l.Allow(context.Background(), fmt.Sprint(os.Getpid(), " ", i))
	}
	os.Exit(1)
}

func TestCountersEndWhenTheProcessIsKilled(t *testing.T) {
	url := testenv.Redis(t).URL
	client := testenv.RedisClient(t, url, nil)
	for range 5 {
		before := client.DBSize(t.Context()).Val()
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), victimURL+"="+url)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		counted := eventually(func() bool { return client.DBSize(t.Context()).Val() > before+50 })
		_ = child.Process.Kill()
		_ = child.Wait()
		if !counted {
			t.Fatal("the child did not count")
		}
	}
	expectEnds(t, client, "p")
}

// TestCountersEndWhenRedisIsKilled restarts it with its append-only file.
func TestCountersEndWhenRedisIsKilled(t *testing.T) {
	s := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	client := testenv.RedisClient(t, s.URL, nil)
	l := open(t, s.URL, &redislimiter.Options{Window: time.Hour, Prefix: "p"})
	for round := range 3 {
		var wg sync.WaitGroup
		for c := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					if _, err := l.Allow(t.Context(), fmt.Sprint(round, " ", c, " ", i)); err != nil {
						return
					}
				}
			})
		}
		if !eventually(func() bool { return client.DBSize(t.Context()).Val() > int64(100*(round+1)) }) {
			t.Error("nothing is counted")
		}
		do(t, s.Kill)
		wg.Wait()
		do(t, s.Restart)
		expectEnds(t, client, "p")
	}
	if d := ask(t, l, "0 0 0"); d.Allowed {
		t.Errorf("a counter was lost with Redis: %+v", d)
	}
}

func TestAFullRedisIsAnErrorAndLeavesNothing(t *testing.T) {
	url := testenv.Redis(t).URL
	client := testenv.RedisClient(t, url, nil)
	l := open(t, url, &redislimiter.Options{Limit: 10, Window: time.Hour, Prefix: "p"})
	ask(t, l, "k")
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if d, err := l.Allow(t.Context(), strconv.Itoa(i)); err == nil {
			t.Fatalf("Redis is full: %+v, want an error", d)
		}
	}
	if err := client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	expectEnds(t, client, "p")
	if d := ask(t, l, "k"); d.Remaining != 8 {
		t.Errorf("afterwards: %+v, want to be counted on", d)
	}
}

// TestARedisUserNeedsFewRights has the rights that docs/operations.md names.
func TestARedisUserNeedsFewRights(t *testing.T) {
	s := testenv.Redis(t)
	client := testenv.RedisClient(t, s.URL, nil)
	err := client.Do(t.Context(), "ACL", "SETUSER", "limiter", "on", ">secret", "resetkeys", "~eventmetrics:limit:*",
		"-@all", "+eval", "+evalsha", "+incrby", "+pexpire", "+pttl").Err()
	if err != nil {
		t.Fatal(err)
	}
	var l ratelimit.Limiter = open(t, "redis://limiter:secret@"+s.Addr, nil)
	if err := client.Set(t.Context(), "eventmetrics:limit:banned", 1000, 0).Err(); err != nil {
		t.Fatal(err)
	}
	for key, allowed := range map[string]bool{"k": true, "banned": false} {
		if d := ask(t, l, key); d.Allowed != allowed {
			t.Errorf("key %q: %+v", key, d)
		}
	}
	expectEnds(t, client, "eventmetrics:limit")
}

// eventually reports whether a condition comes true in time.
func eventually(cond func() bool) bool {
	for giveUp := time.Now().Add(30 * time.Second); time.Now().Before(giveUp); <-time.After(5 * time.Millisecond) {
		if cond() {
			return true
		}
	}
	return false
}
