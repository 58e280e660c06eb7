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

// rescue puts back jobs that have lost their process. The lost attempt counts, so
// that a job that kills its process is dead after its last attempt. The last
// attempt waits, so that kills in a short time do not take all attempts of the
// jobs that happened to be running. The waits differ, so that a job that kills
// its process takes few others with it.
func (q *Queue) rescue(ctx context.Context, rows []*rivertype.JobRow) error {
	if len(rows) == 0 {
		return nil
	}
	now := time.Now().UTC()
	p := &riverdriver.JobRescueManyParams{StuckHorizon: never}
	for i, row := range rows {
		cause, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: row.Attempt, Error: "the process was lost"})
		if err != nil {
			return err
		}
		state, due, finalized := rivertype.JobStateAvailable, row.ScheduledAt, (*time.Time)(nil)
		switch left := row.MaxAttempts - row.Attempt; {
		case left <= 0:
			state, finalized = rivertype.JobStateDiscarded, &now
		case left == 1:
			state, due = rivertype.JobStateRetryable, notBefore(now.Add(q.opts.Retry.LostDelay(row.Attempt, i, len(rows))))
		}
		p.ID = append(p.ID, row.ID)
		p.Error = append(p.Error, cause)
		p.State = append(p.State, string(state))
		p.FinalizedAt = append(p.FinalizedAt, finalized)
		p.ScheduledAt = append(p.ScheduledAt, due)
	}
	q.opts.Logger.WarnContext(ctx, "jobs of a lost process put back", "jobs", len(p.ID))
	_, err := q.driver.GetExecutor().JobRescueMany(ctx, p)
	return err
}
