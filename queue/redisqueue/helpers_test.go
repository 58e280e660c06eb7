package redisqueue_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(victimURL); url != "" {
		victim(url)
	}
	redis.SetLogger(silent{}) // it logs each connection that tests cut
	os.Exit(testenv.Main{M: m}.Run())
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// named returns options with the name of a queue of the test's own, whose keys
// go with the test.
func named(tb testing.TB, o redisqueue.Options) *redisqueue.Options {
	tb.Helper()
	o.Name = testenv.Name(tb)
	return &o
}

func open(tb testing.TB, url string, o *redisqueue.Options) *redisqueue.Queue {
	tb.Helper()
	q, err := redisqueue.Open(tb.Context(), url, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := q.Close(); err != nil {
			tb.Error(err)
		}
	})
	return q
}

// consume runs a Consume and returns what ends it and waits for it.
func consume(tb testing.TB, q queue.Queue, h queue.Handler) func() {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	go func() { ended <- q.Consume(ctx, h) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error("Consume:", err)
		}
	})
	tb.Cleanup(stop)
	return stop
}

func jobs(kind string, n int) []queue.Job {
	list := make([]queue.Job, n)
	for i := range list {
		list[i] = queue.Job{Kind: kind, ID: strconv.Itoa(i)}
	}
	return list
}

// uuids makes jobs that are called as real ones are.
func uuids(n int) []queue.Job {
	list := make([]queue.Job, n)
	for i := range list {
		list[i] = queue.Job{Kind: "process", ID: fmt.Sprintf("0198c1d2-7a3b-7000-8000-%012x", i)}
	}
	return list
}

func enqueue(tb testing.TB, q queue.Queue, jobs ...queue.Job) {
	tb.Helper()
	if err := q.Enqueue(tb.Context(), jobs...); err != nil {
		tb.Fatal(err)
	}
}

func stats(tb testing.TB, q queue.Queue) queue.Stats {
	tb.Helper()
	s, err := q.Stats(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// eventually polls until ok returns true.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(60 * time.Second); !ok(); {
		select {
		case <-limit:
			tb.Fatal("after 60 s still waiting until", what)
		case <-tick.C:
		}
	}
}

// waitIdle waits until no job is waiting or running.
func waitIdle(tb testing.TB, q queue.Queue) {
	tb.Helper()
	eventually(tb, "no job is left to do", func() bool {
		s := stats(tb, q)
		return s.Waiting+s.Delayed+s.Running == 0
	})
}
