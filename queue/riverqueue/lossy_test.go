package riverqueue_test

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

// lossy is a driver that loses one answer to a fetch of jobs, as a disk that
// stalls for longer than River waits.
type lossy struct {
	riverdriver.Driver[*sql.Tx]
	commits bool         // it loses that of the commit, otherwise that of the statement
	left    *atomic.Bool // an answer is to be lost
}

func (d lossy) GetExecutor() riverdriver.Executor { return lossyExecutor{d.Driver.GetExecutor(), d} }

func (d lossy) UnwrapTx(tx riverdriver.ExecutorTx) *sql.Tx {
	if l, ok := tx.(*lossyTx); ok {
		tx = l.ExecutorTx
	}
	return d.Driver.UnwrapTx(tx)
}

type lossyExecutor struct {
	riverdriver.Executor
	d lossy
}

func (e lossyExecutor) Begin(ctx context.Context) (riverdriver.ExecutorTx, error) {
	tx, err := e.Executor.Begin(ctx)
	return &lossyTx{tx, e.d, false}, err
}

func (e lossyExecutor) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	found, err := e.Executor.JobGetAvailable(ctx, p)
	if err == nil && len(found.Jobs) > 0 && e.d.left.Swap(false) {
		return nil, context.DeadlineExceeded
	}
	return found, err
}

type lossyTx struct {
	riverdriver.ExecutorTx
	d     lossy
	found bool // the transaction has fetched jobs
}

func (t *lossyTx) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if !t.d.commits {
		return lossyExecutor{t.ExecutorTx, t.d}.JobGetAvailable(ctx, p)
	}
	found, err := t.ExecutorTx.JobGetAvailable(ctx, p)
	t.found = err == nil && len(found.Jobs) > 0
	return found, err
}

func (t *lossyTx) Commit(ctx context.Context) error {
	err := t.ExecutorTx.Commit(ctx)
	if err == nil && t.found && t.d.left.Swap(false) {
		return context.DeadlineExceeded
	}
	return err
}

func TestAJobRunsWhenTheAnswerToItsFetchWasLost(t *testing.T) {
	for name, commits := range map[string]bool{"of the statement": false, "of the commit": true} {
		t.Run(name, func(t *testing.T) {
			first := open(t, file(t), nil) // makes the tables
			d := lossy{riversqlite.New(first.DB()), commits, new(atomic.Bool)}
			d.left.Store(true)
			q, err := riverqueue.NewDriver(d, &riverqueue.Options{Retry: queue.Retry{MaxAttempts: 1}})
			if err != nil {
				t.Fatal(err)
			}
			if err := q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "1"}); err != nil {
				t.Fatal(err)
			}
			got := make(chan queue.Job, 2)
			consume(t, q, func(_ context.Context, j queue.Job) error { got <- j; return nil })
			if j := <-got; j.Attempt != 1 {
				t.Errorf("the job runs as attempt %d, want 1: nothing ran it before", j.Attempt)
			}
			waitIdle(t, q)
			if d.left.Load() || len(got) > 0 {
				t.Errorf("an answer was lost: %v, and the job ran %d times more; want true and 0", !d.left.Load(), len(got))
			}
		})
	}
}
