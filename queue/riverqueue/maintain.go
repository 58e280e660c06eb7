package riverqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// promoteInterval is how much later than its time a delayed job may become
// available.
const promoteInterval = 250 * time.Millisecond

// promote makes delayed jobs available at their time, until ctx ends. River's own
// scheduler does so every 5 s only, and not before it is elected, which takes
// even longer after a crash.
func (q *Queue) promote(ctx context.Context) {
	tick := time.NewTicker(promoteInterval)
	defer tick.Stop()
	exec := q.driver.GetExecutor()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, err := exec.JobSchedule(ctx, &riverdriver.JobScheduleParams{Max: chunk})
		if err != nil && ctx.Err() == nil {
			q.opts.Logger.WarnContext(ctx, "making delayed jobs available failed, retrying", "err", err)
		}
	}
}

// recover puts back the running jobs of lost processes, once per Queue.
func (q *Queue) recover(ctx context.Context) error {
	q.recovery.Lock()
	defer q.recovery.Unlock()
	if q.opts.Shared || q.recovered {
		return nil
	}
	for after := int64(0); ; {
		rows, err := q.driver.GetExecutor().JobGetStuck(ctx, &riverdriver.JobGetStuckParams{
			AfterID: after, Max: chunk, StuckHorizon: horizon(),
		})
		if err != nil {
			return fmt.Errorf("riverqueue: find lost jobs: %w", err)
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].ID
		if err := q.rescue(ctx, rows); err != nil {
			return fmt.Errorf("riverqueue: put back lost jobs: %w", err)
		}
	}
	q.recovered = true
	return nil
}

// horizon is a time after the start of every attempt, even by a clock that was
// ahead of this one.
func horizon() time.Time { return time.Now().Add(24 * time.Hour) }

// rescue puts jobs back without delay. The lost attempt counts, so that a job
// that kills its process is dead after its last attempt.
func (q *Queue) rescue(ctx context.Context, rows []*rivertype.JobRow) error {
	now := time.Now().UTC()
	p := &riverdriver.JobRescueManyParams{StuckHorizon: horizon()}
	for _, row := range rows {
		if row.Queue != q.opts.Name {
			continue
		}
		cause, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: row.Attempt, Error: "the process was lost"})
		if err != nil {
			return err
		}
		state, finalized := rivertype.JobStateAvailable, (*time.Time)(nil)
		if row.Attempt >= row.MaxAttempts {
			state, finalized = rivertype.JobStateDiscarded, &now
		}
		p.ID = append(p.ID, row.ID)
		p.Error = append(p.Error, cause)
		p.State = append(p.State, string(state))
		p.FinalizedAt = append(p.FinalizedAt, finalized)
		p.ScheduledAt = append(p.ScheduledAt, now)
	}
	if len(p.ID) == 0 {
		return nil
	}
	q.opts.Logger.WarnContext(ctx, "jobs of a lost process put back", "jobs", len(p.ID))
	_, err := q.driver.GetExecutor().JobRescueMany(ctx, p)
	return err
}
