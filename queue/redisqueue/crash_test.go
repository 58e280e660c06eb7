package redisqueue_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
)

// TestNoJobIsLostUnderRandomKills has three processes work at once, each of
// which is killed four times at a moment of its own.
func TestNoJobIsLostUnderRandomKills(t *testing.T) {
	t.Parallel()
	const victims, kills = 3, 4
	url := testenv.RedisURL(t)
	o := crashOptions(testenv.Name(t))
	q := open(t, url, o)
	all := jobs("test", victims*kills*mostEnds+100)
	enqueue(t, q, all...)
	var group sync.WaitGroup
	for range victims {
		group.Go(func() {
			for range kills {
				if err := killed(t, url, o.Name, 1+rand.IntN(mostEnds)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if stats(t, q).Waiting == 0 {
		t.Error("no job was left at the last kill")
	}
	consume(t, q, func(context.Context, queue.Job) error { return nil })
	waitIdle(t, q)
	found, err := states(t, q)
	if err != nil {
		t.Error(err)
	}
	for _, j := range all {
		if s := found[j.Key()].State; s != "done" && s != "dead" {
			t.Errorf("job %s is %q, want it to have ended", j.Key(), s)
		}
	}
	if len(found) != len(all) {
		t.Errorf("the queue knows %d jobs, want %d", len(found), len(all))
	}
}

// killed starts a victim and kills it once so many jobs have ended.
func killed(t *testing.T, url, name string, ends int) error {
	v, err := newVictim(t, url, name)
	if err != nil {
		return err
	}
	defer v.end()
	for range ends {
		if _, err := v.until("end"); err != nil {
			return err
		}
	}
	return nil
}

func TestAJobThatKillsItsProcessDiesAfterItsLastAttempt(t *testing.T) {
	t.Parallel()
	url := testenv.RedisURL(t)
	o := crashOptions(testenv.Name(t))
	q := open(t, url, o)
	enqueue(t, q, queue.Job{Kind: "test", ID: "poison"})
	var attempts []int
	for range 3 {
		v := startVictim(t, url, o.Name)
		attempts = append(attempts, v.started(t, "poison"))
		v.end()
	}
	if diff := cmp.Diff([]int{1, 2, 3}, attempts); diff != "" {
		t.Errorf("attempts of a job that was running at each of three kills (-want +got):\n%s", diff)
	}
	consume(t, q, func(_ context.Context, j queue.Job) error {
		t.Errorf("the job was delivered again, as attempt %d", j.Attempt)
		return nil
	})
	waitIdle(t, q)
	dead, err := q.Dead(t.Context(), queue.DeadQuery{})
	if err != nil || len(dead) != 1 || dead[0].Attempt != 3 || dead[0].MaxAttempts != 3 || dead[0].Err != "the process was lost" {
		t.Errorf("Dead is %+v, %v; want the job, with 3 of 3 attempts made and what became of it", dead, err)
	}
}

func TestAnotherProcessTakesTheJobOfOneThatWasKilled(t *testing.T) {
	t.Parallel()
	url := testenv.RedisURL(t)
	o := crashOptions(testenv.Name(t))
	q := open(t, url, o)
	enqueue(t, q, queue.Job{Kind: "test", ID: "poison"})
	v := startVictim(t, url, o.Name)
	v.started(t, "poison")
	got := make(chan queue.Job, 1)
	consume(t, q, func(_ context.Context, j queue.Job) error { got <- j; return nil })
	v.end()
	begin := time.Now()
	if j := <-got; j.Attempt != 2 {
		t.Errorf("the job comes as attempt %d, want 2", j.Attempt)
	}
	t.Logf("delivered %v after the kill, with a lease of %v", time.Since(begin).Round(time.Millisecond), o.Lease)
	waitIdle(t, q)
}

func TestJobsOfALostProcessGoBeforeThoseThatWait(t *testing.T) {
	t.Parallel()
	q := open(t, testenv.RedisURL(t), named(t, redisqueue.Options{Lease: 100 * time.Millisecond}))
	lost, other := redisqueue.NewCaller(q), redisqueue.NewCaller(q)
	enqueue(t, q, jobs("test", 1)...)
	work(t, lost, 1)
	enqueue(t, q, jobs("more", 3)...)
	eventually(t, "the lease has expired", func() bool {
		a := work(t, other, 1)
		if len(a.Back) == 0 {
			var back []redisqueue.Result
			for _, l := range a.Taken {
				back = append(back, redisqueue.Result{Lease: l, Operation: "release"})
			}
			work(t, other, 0, back...)
			return false
		}
		if key := a.Taken[0].Key(); key != "test:0" {
			t.Errorf("%s was taken, want the job of the lost process", key)
		}
		return true
	})
}

func work(t *testing.T, c *redisqueue.Caller, want int, results ...redisqueue.Result) redisqueue.Answer {
	t.Helper()
	a, err := c.Work(t.Context(), want, results...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
