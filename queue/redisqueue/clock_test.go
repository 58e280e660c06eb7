package redisqueue_test

import (
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// setForward sets the clock of Redis forward for the queues of some processes.
func setForward(t *testing.T, d time.Duration, queues ...*redisqueue.Queue) {
	t.Helper()
	shiftTimes(t, queues[0], -d)
	for _, q := range queues {
		q.ServerWasSetForward(d)
	}
}

func TestAClockThatIsSetForwardEndsNoLease(t *testing.T) {
	t.Parallel()
	url := testenv.RedisURL(t)
	o := named(t, redisqueue.Options{Lease: time.Minute, Retry: queue.Retry{Base: time.Hour}})
	a, b := open(t, url, o), open(t, url, o)
	holder, other := redisqueue.NewCaller(a), redisqueue.NewCaller(b)
	enqueue(t, a, jobs("test", 2)...)
	taken := work(t, holder, 2).Taken
	work(t, holder, 0, redisqueue.Result{Lease: taken[1], Operation: "retry"})
	work(t, other, 1)
	before := leaseEnds(t, a)

	for range 3 {
		setForward(t, 20*time.Hour, a, b)
		fresh := redisqueue.NewCaller(open(t, url, o)) // cannot tell how much time has passed
		for name, c := range map[string]*redisqueue.Caller{"a process that has just started": fresh, "another process": other} {
			if got := work(t, c, 1); len(got.Taken)+len(got.Back)+len(got.Buried) > 0 {
				t.Fatalf("%s took %+v after the clock was set forward", name, got)
			}
		}
		if held, err := holder.Extend(t.Context(), taken[0]); err != nil || !held {
			t.Fatalf("Extend: %v, %v; want the job held", held, err)
		}
		if n := stats(t, a); n.Running != 1 || n.Delayed != 1 {
			t.Fatalf("Stats is %+v, want 1 running and 1 between attempts", n)
		}
	}
	if more := leaseEnds(t, a) - before; more > 30*time.Second {
		t.Errorf("the lease ends %v later than it should: the clock was corrected more than once", more)
	}

	// The clock was not set, and the time has passed.
	if err := a.Client().ZIncrBy(t.Context(), a.Key("lease"), -61_000, holder.ID()).Err(); err != nil {
		t.Fatal(err)
	}
	if got := work(t, other, 1); len(got.Back) != 1 {
		t.Errorf("after the end of the lease another process got %+v, want the job", got)
	}
}

// leaseEnds returns how much is left of the only lease.
func leaseEnds(t *testing.T, q *redisqueue.Queue) time.Duration {
	t.Helper()
	leases := q.Client().ZRangeWithScores(t.Context(), q.Key("lease"), 0, -1).Val()
	now := q.Client().Time(t.Context()).Val()
	if len(leases) != 1 {
		t.Fatalf("there are %d leases, want 1", len(leases))
	}
	return time.UnixMilli(int64(leases[0].Score)).Sub(now)
}
