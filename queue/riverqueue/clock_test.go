package riverqueue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

// setBack moves all times in the queue an hour ahead, which looks as if the clock
// had been set back since. It returns how many jobs match.
func setBack(t *testing.T, q *riverqueue.Queue, where string) int64 {
	t.Helper()
	r, err := q.DB().ExecContext(t.Context(), `UPDATE river_job SET
		scheduled_at = strftime('%Y-%m-%d %H:%M:%f', scheduled_at, '+1 hour'),
		attempted_at = strftime('%Y-%m-%d %H:%M:%f', attempted_at, '+1 hour') WHERE `+where)
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNoJobWaitsForAClockThatWasSetBack(t *testing.T) {
	q := open(t, file(t), &riverqueue.Options{Retry: queue.Retry{Base: 100 * time.Millisecond}})
	if err := q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	setBack(t, q, "true")
	if s, err := q.Stats(t.Context()); err != nil || s.Waiting != 1 {
		t.Errorf("Stats is %+v, %v; want 1 waiting job: it may run at once", s, err)
	}
	got := make(chan int, 3)
	consume(t, q, func(_ context.Context, j queue.Job) error {
		got <- j.Attempt
		if j.Last() {
			return nil
		}
		return errors.New("not yet")
	})
	<-got
	for setBack(t, q, "state IN ('available', 'retryable') AND attempt > 0") == 0 {
		time.Sleep(time.Millisecond)
	}
	<-got
	waitIdle(t, q)
}

func TestLostJobsAreFoundWhateverTheClock(t *testing.T) {
	path := file(t)
	q := open(t, path, nil)
	if err := q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	_, err := q.DB().ExecContext(t.Context(), `UPDATE river_job SET state = 'running', attempt = 1,
		attempted_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '+40 days'), attempted_by = jsonb('["a lost process"]')`)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan int, 1)
	consume(t, q, func(_ context.Context, j queue.Job) error { got <- j.Attempt; return nil })
	if n := <-got; n != 2 {
		t.Errorf("the job runs as attempt %d, want 2", n)
	}
}

func TestACompletedJobIsStoredBeforeTheNextStarts(t *testing.T) {
	q := open(t, file(t), &riverqueue.Options{Workers: 1})
	if err := q.Enqueue(t.Context(), jobs("test", 10)...); err != nil {
		t.Fatal(err)
	}
	begun := 0
	consume(t, q, func(context.Context, queue.Job) error {
		if n := completed(t, q); n != begun {
			t.Errorf("%d jobs are stored as completed, want %d: a kill now must not cost them an attempt", n, begun)
		}
		begun++
		return nil
	})
	waitIdle(t, q)
}
