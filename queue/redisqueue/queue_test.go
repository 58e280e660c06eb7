package redisqueue_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// TestConsumeReturnsWhatRedisWillNotTakeBack ends it while it runs, and also
// at once when it is called again.
func TestConsumeReturnsWhatRedisWillNotTakeBack(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(ctx context.Context, c redis.UniversalClient, q *redisqueue.Queue) error{
		"a key is of another type": func(ctx context.Context, c redis.UniversalClient, q *redisqueue.Queue) error {
			return c.Set(ctx, q.Key("delay"), "x", 0).Err()
		},
		"the layout is of another version": func(ctx context.Context, c redis.UniversalClient, q *redisqueue.Queue) error {
			return c.Set(ctx, q.Key("layout"), "2", 0).Err()
		},
		"the user may not run scripts": func(ctx context.Context, c redis.UniversalClient, _ *redisqueue.Queue) error {
			return c.Do(ctx, "ACL", "SETUSER", "default", "-eval", "-evalsha").Err()
		},
		"the user may not use a key": func(ctx context.Context, c redis.UniversalClient, q *redisqueue.Queue) error {
			return c.Do(ctx, "ACL", "SETUSER", "default", "resetkeys", "~"+q.Key("wake")+"*").Err()
		},
		"the user may not wait": func(ctx context.Context, c redis.UniversalClient, _ *redisqueue.Queue) error {
			return c.Do(ctx, "ACL", "SETUSER", "default", "-bzpopmin").Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := testenv.Redis(t)
			q, client := open(t, s.URL, nil), testenv.RedisClient(t, s.URL, nil)
			ended := make(chan error, 1)
			h := func(ctx context.Context, _ queue.Job) error { return spoil(ctx, client, q) }
			go func() { ended <- q.Consume(t.Context(), h) }()
			enqueue(t, q, queue.Job{Kind: "test", ID: "1"})
			if err := <-ended; err == nil || errors.Is(err, queue.ErrUnavailable) {
				t.Errorf("Consume returned %v, want what is wrong", err)
			}
			if err := q.Consume(t.Context(), h); err == nil || errors.Is(err, queue.ErrUnavailable) {
				t.Errorf("Consume returned %v the second time, want what is wrong", err)
			}
		})
	}
}

func TestACloseOfABorrowedClientEndsConsume(t *testing.T) {
	client := testenv.RedisClient(t, testenv.RedisURL(t), nil)
	q, err := redisqueue.New(client, named(t, redisqueue.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- q.Consume(t.Context(), func(context.Context, queue.Job) error { close(done); return nil })
	}()
	enqueue(t, q, queue.Job{Kind: "test", ID: "1"})
	<-done
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, redis.ErrClosed) {
		t.Errorf("Consume returned %v, want that the client is closed", err)
	}
}

func TestCloseEndsConsumes(t *testing.T) {
	url := testenv.RedisURL(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), clientDial)
	q := open(t, url, named(t, redisqueue.Options{}))
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- q.Consume(context.WithoutCancel(t.Context()), func(context.Context, queue.Job) error {
			close(started)
			return nil
		})
	}()
	enqueue(t, q, queue.Job{Kind: "process", ID: "1"})
	<-started
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Consume returned %v after Close, want nil", err)
	}
	if err := q.Consume(t.Context(), nil); !errors.Is(err, redisqueue.ErrClosed) {
		t.Errorf("Consume of a closed queue: %v, want ErrClosed", err)
	}
	if err := q.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestCloseLeavesABorrowedClientOpen(t *testing.T) {
	client := testenv.RedisClient(t, testenv.RedisURL(t), nil)
	q, err := redisqueue.New(client, named(t, redisqueue.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Errorf("Close of a queue that borrows its client closed it: %v", err)
	}
}

func TestQueuesOfOtherNamesAreApart(t *testing.T) {
	url := testenv.RedisURL(t)
	a, b := open(t, url, named(t, redisqueue.Options{})), open(t, url, named(t, redisqueue.Options{}))
	job := queue.Job{Kind: "process", ID: "1"}
	enqueue(t, a, job)
	enqueue(t, b, job)
	done := make(chan struct{})
	consume(t, b, func(context.Context, queue.Job) error { close(done); return nil })
	<-done
	if s := stats(t, a); s.Waiting != 1 {
		t.Errorf("Stats is %+v, want 1 waiting job", s)
	}
}

func TestAnAttemptFailsAfterTheJobTimeout(t *testing.T) {
	q := open(t, testenv.RedisURL(t), named(t, redisqueue.Options{JobTimeout: 20 * time.Millisecond, Retry: queue.Retry{MaxAttempts: 1}}))
	consume(t, q, func(ctx context.Context, _ queue.Job) error {
		<-ctx.Done()
		return ctx.Err()
	})
	enqueue(t, q, queue.Job{Kind: "process", ID: "1"})
	waitIdle(t, q)
	dead, err := q.Dead(t.Context(), queue.DeadQuery{})
	if err != nil || len(dead) != 1 || dead[0].Err != context.DeadlineExceeded.Error() {
		t.Errorf("Dead is %+v, %v; want the job that ran out of time", dead, err)
	}
}

func TestAHandlerThatEndsItsGoroutineFailsTheAttempt(t *testing.T) {
	q := open(t, testenv.RedisURL(t), named(t, redisqueue.Options{Retry: queue.Retry{MaxAttempts: 1}}))
	consume(t, q, func(context.Context, queue.Job) error {
		runtime.Goexit()
		return nil
	})
	enqueue(t, q, queue.Job{Kind: "process", ID: "1"})
	waitIdle(t, q)
	if s := stats(t, q); s.Dead != 1 {
		t.Errorf("Stats is %+v, want 1 dead job", s)
	}
}

func TestJobsAreTakenInTheOrderOfTheirTimes(t *testing.T) {
	q := open(t, testenv.RedisURL(t), named(t, redisqueue.Options{}))
	c := redisqueue.NewCaller(q)
	enqueue(t, q, jobs("first", 3)...)
	enqueue(t, q, queue.Job{Kind: "delayed", ID: "0", RunAt: time.Now().Add(50 * time.Millisecond)})
	enqueue(t, q, jobs("second", 1)...)
	eventually(t, "the delayed job is due", func() bool { return stats(t, q).Waiting == 5 })
	got := work(t, c, 1).Taken
	work(t, c, 0, redisqueue.Result{Lease: got[0], Operation: "release"})
	var keys []string
	for range 5 {
		keys = append(keys, work(t, c, 1).Taken[0].Key())
	}
	if diff := cmp.Diff([]string{"first:0", "first:1", "first:2", "second:0", "delayed:0"}, keys); diff != "" {
		t.Errorf("order of the jobs, of which the first was put back once (-want +got):\n%s", diff)
	}
}

func TestTimesOfAllSizesAreTaken(t *testing.T) {
	q := open(t, testenv.RedisURL(t), named(t, redisqueue.Options{}))
	for i, at := range []time.Time{
		time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Unix(0, 1), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
	} {
		enqueue(t, q, queue.Job{Kind: "test", ID: strconv.Itoa(i), RunAt: at})
	}
	s := stats(t, q)
	if s.Waiting != 2 || s.Delayed != 2 {
		t.Errorf("Stats is %+v, want 2 jobs of the past waiting and 2 of the future delayed", s)
	}
}

// TestManyJobsMayBeDueAtOnce has more than one call moves.
func TestManyJobsMayBeDueAtOnce(t *testing.T) {
	t.Parallel()
	const n = 2500
	q := open(t, testenv.RedisURL(t), named(t, redisqueue.Options{Workers: 2000, DoneWindow: time.Millisecond}))
	all := jobs("test", n)
	for i := range all {
		all[i].RunAt = time.Now().Add(200 * time.Millisecond)
	}
	enqueue(t, q, all...)
	gate, started := make(chan struct{}), make(chan struct{}, n)
	consume(t, q, func(context.Context, queue.Job) error {
		started <- struct{}{}
		<-gate
		return nil
	})
	for range 2000 {
		<-started
	}
	close(gate)
	waitIdle(t, q)
	if len(started) != n-2000 {
		t.Errorf("%d jobs have run, want %d", 2000+len(started), n)
	}
	eventually(t, "all is forgotten", func() bool { return len(leftovers(t, q)) == 0 })
}
