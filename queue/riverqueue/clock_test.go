package riverqueue_test

import (
	"context"
	"testing"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

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
