package redisqueue_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// fill enqueues jobs until there is no memory for more, and returns how many
// there are.
func fill(t *testing.T, q *redisqueue.Queue) int {
	t.Helper()
	all := uuids(100_000)
	err := q.Enqueue(t.Context(), all...)
	if !errors.Is(err, queue.ErrFull) || !errors.Is(err, queue.ErrUnavailable) || !strings.Contains(err.Error(), "OOM") {
		t.Fatalf("Enqueue into a full Redis: %v, want ErrFull that says OOM", err)
	}
	if found, err := states(t, q); err != nil || len(found) == 0 || len(found)%1000 != 0 {
		t.Fatalf("the full queue holds %d jobs, %v; want whole chunks", len(found), err)
	}
	return int(stats(t, q).Waiting)
}

func TestAFullRedisTakesResults(t *testing.T) {
	t.Parallel()
	s := testenv.Redis(t, "--maxmemory", "4mb")
	q := open(t, s.URL, &redisqueue.Options{Retry: queue.Retry{MaxAttempts: 5}})
	n := fill(t, q)
	c := redisqueue.NewCaller(q)
	a := work(t, c, 400)
	if len(a.Taken) != 400 {
		t.Fatalf("%d jobs were taken from a full Redis, want 400", len(a.Taken))
	}
	if held, err := c.Extend(t.Context(), a.Taken[0]); err != nil || !held {
		t.Errorf("Extend in a full Redis: %v, %v", held, err)
	}
	var results []redisqueue.Result
	for i, l := range a.Taken {
		results = append(results, redisqueue.Result{Lease: l, Operation: []string{"complete", "retry", "bury", "release"}[i%4]})
	}
	for i := range 4 { // each alone, since after one all others would be let through
		var some []redisqueue.Result
		for j := i; j < len(results); j += 4 {
			some = append(some, results[j])
		}
		if a := work(t, c, 0, some...); len(a.Refused) > 0 {
			t.Errorf("results were refused: %v", a.Refused)
		}
	}
	want := queue.Stats{Waiting: int64(n - 300), Delayed: 100, Dead: 100}
	got := stats(t, q)
	got.OldestWaiting = 0
	if got != want {
		t.Errorf("Stats is %+v, want %+v", got, want)
	}
	dead, err := q.Dead(t.Context(), queue.DeadQuery{})
	if err != nil || len(dead) != 100 {
		t.Fatalf("Dead lists %d jobs, %v", len(dead), err)
	}
	if err := q.Retry(t.Context(), dead[0].Key()); err != nil {
		t.Error(err)
	}
	if err := q.Discard(t.Context(), dead[1].Key(), "test"); err != nil {
		t.Error(err)
	}
	if _, err := states(t, q); err != nil {
		t.Error(err)
	}
}

func TestAFullRedisIsWorkedEmpty(t *testing.T) {
	t.Parallel()
	s := testenv.Redis(t, "--maxmemory", "4mb")
	q := open(t, s.URL, &redisqueue.Options{Workers: 50, DoneWindow: 50 * time.Millisecond, Retry: queue.Retry{Base: time.Millisecond}})
	n := fill(t, q)
	var ends atomic.Int64
	consume(t, q, func(_ context.Context, j queue.Job) error {
		if strings.HasSuffix(j.ID, "7") && j.Attempt == 1 {
			return errors.New("failed")
		}
		ends.Add(1)
		return nil
	})
	waitIdle(t, q)
	if got := int(ends.Load()); got != n {
		t.Errorf("%d jobs were done, want all %d", got, n)
	}
	// No job is enqueued, and yet expired jobs are removed.
	eventually(t, "nothing is left", func() bool { return len(leftovers(t, q)) == 0 })
	enqueue(t, q, queue.Job{Kind: "test", ID: "room"})
	waitIdle(t, q)
}

func TestAJobCostsLessThan130BytesBesideItsKey(t *testing.T) {
	t.Parallel()
	const n = 100_000
	s := testenv.Redis(t)
	q := open(t, s.URL, nil)
	all := uuids(n)
	size := func() float64 {
		total := 0.0
		for _, name := range []string{"jobs", "wait", "done"} {
			bytes, err := q.Client().MemoryUsage(t.Context(), q.Key(name), 0).Result()
			if err == nil {
				total += float64(bytes)
			}
		}
		return total/n - float64(len(all[0].Key()))
	}
	enqueue(t, q, all...)
	waiting := size()
	c := redisqueue.NewCaller(q)
	var results []redisqueue.Result
	for range n/500 + 1 {
		a := work(t, c, 500, results...)
		results = results[:0]
		for _, l := range a.Taken {
			results = append(results, redisqueue.Result{Lease: l, Operation: "complete"})
		}
	}
	if got := stats(t, q); got != (queue.Stats{}) {
		t.Fatalf("Stats is %+v, want all done", got)
	}
	done := size()
	t.Logf("a waiting job costs %.1f B and a completed one %.1f B beside its key", waiting, done)
	if waiting > 130 || done > 130 {
		t.Error("it costs more than 130 B")
	}
}
