//go:build unix

package redisqueue_test

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// TestALostJobRunsAlone has a consumer with a long job, and others that wait, when
// two jobs come back whose only attempt was lost.
func TestALostJobRunsAlone(t *testing.T) {
	t.Parallel()
	s := testenv.Redis(t)
	q := open(t, s.URL, &redisqueue.Options{Workers: 4, Retry: queue.Retry{MaxAttempts: 1, Base: time.Millisecond}})
	enqueue(t, q, jobs("lost", 2)...)
	lost := redisqueue.NewCaller(q)
	work(t, lost, 2)

	var running, beside, ran atomic.Int64
	long, gate := make(chan struct{}), make(chan struct{})
	consume(t, q, func(_ context.Context, j queue.Job) error {
		running.Add(1)
		defer running.Add(-1)
		switch j.Kind {
		case "long":
			close(long)
			<-gate
		case "lost":
			<-time.After(20 * time.Millisecond)
			if j.Attempt != 1 || running.Load() > 1 {
				beside.Add(1)
			}
		}
		ran.Add(1)
		return nil
	})
	enqueue(t, q, queue.Job{Kind: "long", ID: "1"})
	<-long
	client := testenv.RedisClient(t, s.URL, nil)
	if err := client.ZAdd(t.Context(), q.Key("lease"), expired(lost)).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lost jobs wait", func() bool { return client.LLen(t.Context(), q.Key("wait")).Val() == 2 })
	enqueue(t, q, jobs("test", 20)...)
	before := calls(t, client)
	<-time.After(time.Second)
	if n := ran.Load(); n > 0 {
		t.Errorf("%d jobs ran that come after one that must run alone", n)
	}
	if n := calls(t, client) - before; n > 50 {
		t.Errorf("the consumer made %d calls in a second, in which it could take nothing", n)
	}
	close(gate)
	waitIdle(t, q)
	if n := beside.Load(); n > 0 {
		t.Errorf("%d lost jobs ran beside others, or not as attempt 1", n)
	}
	if n := ran.Load(); n != 23 {
		t.Errorf("%d jobs ran, want 23", n)
	}
}

// expired is a lease of a caller that has expired.
func expired(c *redisqueue.Caller) redis.Z { return redis.Z{Score: 1, Member: c.ID()} }

// calls returns how many scripts Redis has run.
func calls(t *testing.T, client redis.UniversalClient) int {
	t.Helper()
	line := info(t, client, "commandstats", "cmdstat_evalsha")
	_, after, _ := strings.Cut(line, "calls=")
	number, _, _ := strings.Cut(after, ",")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// info reads a field of INFO of Redis.
func info(tb testing.TB, client redis.UniversalClient, section, field string) string {
	tb.Helper()
	text, err := client.Info(context.WithoutCancel(tb.Context()), section).Result()
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	tb.Fatalf("INFO %s does not tell %s", section, field)
	return ""
}
