package redisqueue_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// TestNothingAcknowledgedIsLostWhenRedisIsKilled kills Redis in the middle of
// enqueueing and working.
func TestNothingAcknowledgedIsLostWhenRedisIsKilled(t *testing.T) {
	t.Parallel()
	const n, kills = 600, 3
	s := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	q := open(t, s.URL, named(t, redisqueue.Options{Workers: 4, Lease: 2 * time.Second, CallTimeout: time.Second, Retry: queue.Retry{MaxAttempts: 20}}))
	var ends atomic.Int64
	consume(t, q, func(context.Context, queue.Job) error {
		ends.Add(1)
		return nil
	})
	enqueued := make(chan struct{})
	go func() {
		defer close(enqueued)
		for i := range n {
			for q.Enqueue(t.Context(), queue.Job{Kind: "test", ID: strconv.Itoa(i)}) != nil && t.Context().Err() == nil {
				<-time.After(10 * time.Millisecond)
			}
		}
	}()
	for i := range kills {
		eventually(t, "some jobs are done", func() bool { return ends.Load() > int64((i+1)*n/(kills+2)) })
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	<-enqueued
	waitIdle(t, q)
	found, err := states(t, q)
	if err != nil {
		t.Error(err)
	}
	for i := range n {
		if key := "test:" + strconv.Itoa(i); found[key].State != "done" {
			t.Errorf("job %s, which was enqueued, is %q, want it done", key, found[key].State)
		}
	}
}

func TestConsumeOutlivesAnOutageAndSaysSoOnce(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), clientDial)
	s := testenv.Redis(t, "--appendonly", "yes")
	var log lines
	q, err := redisqueue.Open(t.Context(), s.URL, &redisqueue.Options{CallTimeout: time.Second, Logger: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan string, 2)
	stop := consume(t, q, func(_ context.Context, j queue.Job) error { done <- j.ID; return nil })
	enqueue(t, q, queue.Job{Kind: "test", ID: "before"})
	<-done
	waitIdle(t, q)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := q.Enqueue(t.Context(), queue.Job{Kind: "test", ID: "after"}); !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("Enqueue while Redis is down: %v, want ErrUnavailable", err)
	}
	eventually(t, "the outage is in the log", func() bool { return log.count("queue unavailable") > 0 })
	<-time.After(time.Second) // for several tries
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the queue takes jobs again", func() bool {
		return q.Enqueue(t.Context(), queue.Job{Kind: "test", ID: "after"}) == nil
	})
	if id := <-done; id != "after" {
		t.Errorf("got job %q after the outage, want \"after\"", id)
	}
	stop()
	for _, text := range []string{"queue unavailable", "queue available again"} {
		if n := log.count(text); n != 1 {
			t.Errorf("%q is %d times in the log, want once:\n%s", text, n, log.String())
		}
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

// TestACallIsBoundedWhenRedisHangs has a Redis that takes connections and does
// not answer.
func TestACallIsBoundedWhenRedisHangs(t *testing.T) {
	for _, heeds := range []bool{true, false} {
		t.Run("with a client that heeds contexts: "+strconv.FormatBool(heeds), func(t *testing.T) {
			s := testenv.Redis(t)
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), clientDial)
			client := redis.NewClient(&redis.Options{Addr: s.Addr, ContextTimeoutEnabled: heeds, MaxRetries: -1, ReadTimeout: 8 * time.Second})
			q, err := redisqueue.New(client, &redisqueue.Options{CallTimeout: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			// The first calls may take longer than CallTimeout on a busy machine.
			eventually(t, "Redis answers", func() bool {
				return q.Enqueue(t.Context(), queue.Job{Kind: "test", ID: "1"}) == nil
			})
			if err := s.Pause(); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			_, err = q.Stats(t.Context())
			if took := time.Since(begin); !errors.Is(err, queue.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || took > 4*time.Second {
				t.Errorf("Stats took %v: %v; want ErrUnavailable after 200 ms, and not the error of a context of the caller", took, err)
			}
			if err := s.Resume(); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(q.Close(), client.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAJobWhoseLeaseCannotBeExtendedIsCancelled has Redis hang for longer than
// a lease, in which another process may have got the job.
func TestAJobWhoseLeaseCannotBeExtendedIsCancelled(t *testing.T) {
	t.Parallel()
	s := testenv.Redis(t)
	o := named(t, redisqueue.Options{Lease: 600 * time.Millisecond, CallTimeout: 200 * time.Millisecond, Workers: 1})
	direct := open(t, s.URL, &redisqueue.Options{Name: o.Name}) // with time for a busy machine
	q := open(t, s.URL, o)
	started, causes := make(chan int, 10), make(chan error, 10)
	var tries atomic.Int64
	consume(t, q, func(ctx context.Context, j queue.Job) error {
		started <- j.Attempt
		if tries.Add(1) > 1 {
			return nil
		}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	})
	enqueue(t, direct, queue.Job{Kind: "test", ID: "1"})
	<-started
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	if cause := <-causes; !errors.Is(cause, redisqueue.ErrLeaseLost) {
		t.Errorf("the context of the job ended because of %v, want ErrLeaseLost", cause)
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	<-started
	waitIdle(t, direct)
	if s := stats(t, direct); s != (queue.Stats{}) {
		t.Errorf("Stats is %+v, want the job done", s)
	}
}

func TestLeasesAreExtendedWhileAHandlerRuns(t *testing.T) {
	t.Parallel()
	q := open(t, testenv.RedisURL(t), named(t, redisqueue.Options{Lease: 3 * time.Second}))
	other := redisqueue.NewCaller(q)
	started, gate := make(chan struct{}), make(chan struct{})
	consume(t, q, func(ctx context.Context, _ queue.Job) error {
		close(started)
		select {
		case <-gate:
		case <-ctx.Done():
			t.Errorf("the context of the job ended: %v", context.Cause(ctx))
		}
		return nil
	})
	enqueue(t, q, queue.Job{Kind: "test", ID: "1"})
	<-started
	for begin := time.Now(); time.Since(begin) < 7*time.Second; {
		if a := work(t, other, 1); len(a.Taken) > 0 {
			t.Fatalf("another got the job %v after it was leased for 3 s", time.Since(begin))
		}
		<-time.After(20 * time.Millisecond)
	}
	close(gate)
	waitIdle(t, q)
}

func TestWorkGoesOnWhenScriptsAreFlushed(t *testing.T) {
	s := testenv.Redis(t)
	q := open(t, s.URL, &redisqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	enqueue(t, q, jobs("test", 500)...)
	var ends atomic.Int64
	consume(t, q, func(_ context.Context, j queue.Job) error {
		if ends.Add(1)%20 == 0 {
			if err := q.Client().ScriptFlush(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		}
		if j.Attempt == 1 && j.ID[0] == '7' {
			return errors.New("not yet")
		}
		return nil
	})
	waitIdle(t, q)
	if s := stats(t, q); s != (queue.Stats{}) {
		t.Errorf("Stats is %+v, want all jobs done", s)
	}
	if got := ends.Load(); got != 500+11 {
		t.Errorf("%d attempts were made, want 511", got)
	}
}
