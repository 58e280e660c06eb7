package riverqueue

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/queue"
)

// Dead implements [queue.DeadLetters].
func (q *Queue) Dead(ctx context.Context, query queue.DeadQuery) ([]queue.DeadJob, error) {
	p := river.NewJobListParams().
		Queues(q.opts.Name).
		States(rivertype.JobStateDiscarded, rivertype.JobStateCancelled).
		OrderBy(river.JobListOrderByFinalizedAt, river.SortOrderDesc).
		First(query.Size())
	if query.Cursor != "" {
		after, err := parseCursor(query.Cursor)
		if err != nil {
			return nil, err
		}
		p = p.After(after)
	}
	found, err := q.idle.JobList(ctx, p)
	if err != nil {
		return nil, explain(ctx, "list dead jobs", err)
	}
	list := make([]queue.DeadJob, len(found.Jobs))
	for i, row := range found.Jobs {
		if list[i], err = deadJob(row); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func deadJob(row *rivertype.JobRow) (queue.DeadJob, error) {
	var a args
	if err := json.Unmarshal(row.EncodedArgs, &a); err != nil {
		return queue.DeadJob{}, fmt.Errorf("riverqueue: read River job %d: %w", row.ID, err)
	}
	d := queue.DeadJob{
		Job:    a.job(row.Attempt, row.MaxAttempts),
		Err:    string(row.State), // cancelled with a River tool before it ran
		Died:   row.FinalizedAt.UTC(),
		Cursor: fmt.Sprintf("%d.%d", row.FinalizedAt.UnixMicro(), row.ID),
	}
	for _, e := range row.Errors[max(0, len(row.Errors)-queue.MaxFailures):] {
		// River's prefix of permanent errors.
		d.Err = strings.TrimPrefix(clip.Text(e.Error, maxMessage), "JobCancelError: ")
		d.Failures = append(d.Failures, queue.Failure{Attempt: e.Attempt, At: e.At.UTC(), Err: d.Err})
	}
	return d, nil
}

func parseCursor(s string) (*river.JobListCursor, error) {
	var micros, id int64
	if _, err := fmt.Sscanf(s, "%d.%d", &micros, &id); err != nil {
		return nil, fmt.Errorf("riverqueue: %w: %.40q", queue.ErrBadCursor, s)
	}
	at := time.UnixMicro(micros).UTC()
	return river.JobListCursorFromJob(&rivertype.JobRow{ID: id, FinalizedAt: &at, State: rivertype.JobStateDiscarded}), nil
}

// Retry implements [queue.DeadLetters].
func (q *Queue) Retry(ctx context.Context, key string) error {
	defer q.news.changing()()
	return q.change(ctx, key, func(exec riverdriver.Executor, tx *sql.Tx, id int64) error {
		if _, err := q.idle.JobRetryTx(ctx, tx, id); err != nil {
			return explain(ctx, "retry job "+strconv.Quote(key), err)
		}
		_, err := exec.JobUpdateFull(ctx, &riverdriver.JobUpdateFullParams{
			ID:              id,
			AttemptDoUpdate: true, Attempt: 0,
			MaxAttemptsDoUpdate: true, MaxAttempts: q.opts.Retry.Attempts(),
		})
		if err != nil {
			return explain(ctx, "reset attempts of job "+strconv.Quote(key), err)
		}
		return nil
	})
}

// Discard implements [queue.DeadLetters].
func (q *Queue) Discard(ctx context.Context, key, reason string) error {
	err := q.change(ctx, key, func(_ riverdriver.Executor, tx *sql.Tx, id int64) error {
		if _, err := q.idle.JobDeleteTx(ctx, tx, id); err != nil {
			return explain(ctx, "discard job "+strconv.Quote(key), err)
		}
		return nil
	})
	if err == nil {
		q.opts.Logger.InfoContext(ctx, "job discarded", "job", key, "reason", reason)
	}
	return err
}

// change finds the dead job with the key and calls do with its id, in one
// transaction.
func (q *Queue) change(ctx context.Context, key string, do func(riverdriver.Executor, *sql.Tx, int64) error) error {
	job, err := queue.ParseKey(key)
	if err != nil {
		return fmt.Errorf("%w: %w", queue.ErrNotFound, err)
	}
	exec, err := q.driver.GetExecutor().Begin(ctx)
	if err != nil {
		return explain(ctx, "begin", err)
	}
	defer func() { _ = exec.Rollback(context.WithoutCancel(ctx)) }()
	tx := q.driver.UnwrapTx(exec)
	row, err := q.find(ctx, tx, job)
	if err != nil {
		return err
	}
	if row.State != rivertype.JobStateDiscarded && row.State != rivertype.JobStateCancelled {
		return queue.ErrNotDead
	}
	if err := do(exec, tx, row.ID); err != nil {
		return err
	}
	if err := exec.Commit(ctx); err != nil {
		return explain(ctx, "commit", err)
	}
	return nil
}

// find finds a job by trying to insert it again, since River has no other search
// by arguments that uses an index. If the job was not there, the caller's
// rollback removes it. Errors: queue.ErrNotFound.
func (q *Queue) find(ctx context.Context, tx *sql.Tx, j queue.Job) (*rivertype.JobRow, error) {
	r, err := q.idle.InsertTx(ctx, tx, args{JobKind: j.Kind, ID: j.ID}, q.insertOpts(time.Time{}))
	if err != nil {
		return nil, explain(ctx, "find job "+strconv.Quote(j.Key()), err)
	}
	if !r.UniqueSkippedAsDuplicate || q.expired(r.Job) {
		return nil, queue.ErrNotFound
	}
	return r.Job, nil
}
