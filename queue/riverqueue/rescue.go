package riverqueue

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// never is a time after the start of every attempt, by any clock.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// running yields the jobs that are marked as running, in pages.
func running(ctx context.Context, exec riverdriver.Executor) iter.Seq2[[]*rivertype.JobRow, error] {
	return func(yield func([]*rivertype.JobRow, error) bool) {
		for after := int64(0); ; {
			rows, err := exec.JobGetStuck(ctx, &riverdriver.JobGetStuckParams{AfterID: after, Max: chunk, StuckHorizon: never})
			if err != nil {
				yield(nil, err)
				return
			}
			if len(rows) == 0 {
				return
			}
			after = rows[len(rows)-1].ID
			if !yield(rows, nil) {
				return
			}
		}
	}
}

// clientOf returns the client that has fetched a job last.
func clientOf(row *rivertype.JobRow) string {
	if len(row.AttemptedBy) == 0 {
		return ""
	}
	return row.AttemptedBy[len(row.AttemptedBy)-1]
}

// lost returns the jobs of this queue that no Consume of this process runs.
func (q *Queue) lost(rows []*rivertype.JobRow) []*rivertype.JobRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.DeleteFunc(rows, func(row *rivertype.JobRow) bool {
		return row.Queue != q.opts.Name || slices.ContainsFunc(q.consumers, func(c *consumer) bool {
			return c.id == clientOf(row)
		})
	})
}

// causeLost is the error of an attempt whose process was lost.
const causeLost = "the process was lost"

// rescue puts back jobs that have lost their process. The lost attempt counts, so
// that a job that kills its process is dead after its last attempt. Which of the
// jobs that is can be told only if the process had one. So the last attempt waits,
// that kills in a short time do not take all attempts, and then runs alone; one that
// was lost beside others is repeated.
func (q *Queue) rescue(ctx context.Context, rows []*rivertype.JobRow) error {
	if len(rows) == 0 {
		return nil
	}
	beside := map[string]int{}
	for _, row := range rows {
		beside[clientOf(row)]++
	}
	now := time.Now().UTC()
	p := &riverdriver.JobRescueManyParams{StuckHorizon: never}
	var again []*rivertype.JobRow
	for _, row := range rows {
		cause, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: row.Attempt, Error: causeLost})
		if err != nil {
			return err
		}
		state, due, finalized := rivertype.JobStateAvailable, row.ScheduledAt, (*time.Time)(nil)
		switch left := row.MaxAttempts - row.Attempt; {
		case left <= 0 && beside[clientOf(row)] == 1:
			state, finalized = rivertype.JobStateDiscarded, &now
		case left <= 1:
			state, due = rivertype.JobStateRetryable, notBefore(now.Add(q.opts.Retry.Delay(max(row.MaxAttempts-1, 1))))
			again = append(again, row)
		}
		p.ID = append(p.ID, row.ID)
		p.Error = append(p.Error, cause)
		p.State = append(p.State, string(state))
		p.FinalizedAt = append(p.FinalizedAt, finalized)
		p.ScheduledAt = append(p.ScheduledAt, due)
	}
	q.opts.Logger.WarnContext(ctx, "jobs of a lost process put back", "jobs", len(p.ID))
	return storeRescue(ctx, q.driver.GetExecutor(), p, again)
}

// storeRescue changes the jobs, and leaves one attempt to those that run again.
func storeRescue(ctx context.Context, exec riverdriver.Executor, p *riverdriver.JobRescueManyParams, again []*rivertype.JobRow) error {
	tx, err := exec.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.JobRescueMany(ctx, p); err != nil {
		return err
	}
	for _, row := range again {
		_, err := tx.JobUpdateFull(ctx, &riverdriver.JobUpdateFullParams{ID: row.ID, AttemptDoUpdate: true, Attempt: row.MaxAttempts - 1})
		if err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// mustBeAlone reports whether a job that was fetched must run alone: it is at its
// last attempt and has lost a process before.
func mustBeAlone(row *rivertype.JobRow) bool {
	return row.Attempt >= row.MaxAttempts && slices.ContainsFunc(row.Errors, func(e rivertype.AttemptError) bool {
		return e.Error == causeLost
	})
}
