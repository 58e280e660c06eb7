package riverqueue

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// promoteInterval is how much later than its time a delayed job may become
// available if that time is within seconds, and slowest otherwise. The waits of
// failed jobs are checked at most every hastenInterval.
const (
	promoteInterval = 250 * time.Millisecond
	hastenInterval  = 5 * time.Second
)

// promote makes delayed jobs available at their time, until ctx ends. River's own
// scheduler does so every 5 s only, and not before it is elected, which takes
// even longer after a crash.
func (q *Queue) promote(ctx context.Context) {
	tick := time.NewTicker(promoteInterval)
	defer tick.Stop()
	exec := q.driver.GetExecutor()
	for hastened := (time.Time{}); ; {
		if q.promotion.due() {
			retries := time.Since(hastened) >= hastenInterval
			q.promoteDue(ctx, exec, retries)
			if retries {
				hastened = time.Now()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (q *Queue) promoteDue(ctx context.Context, exec riverdriver.Executor, retries bool) {
	due, err := exec.JobSchedule(ctx, &riverdriver.JobScheduleParams{Max: chunk})
	if err == nil {
		q.promotion.looked(len(due))
		err = q.hasten(ctx, retries)
	}
	if len(due) > 0 {
		q.news.changing()()
	}
	if err != nil && ctx.Err() == nil {
		q.opts.Logger.WarnContext(ctx, "making delayed jobs available failed, retrying", "err", err)
	}
}

// hasten shortens waits that only a clock can have made so long: one that was set
// back, or that of another process. A job that may run at once has no later time
// than now, and one between attempts none after the longest backoff.
func (q *Queue) hasten(ctx context.Context, retries bool) error {
	now := time.Now()
	err := q.bound(ctx, "state = 'available' AND attempt = 0", now)
	for made := 1; err == nil && retries && made <= q.opts.Retry.Attempts(); made++ {
		err = q.bound(ctx, "state IN ('available', 'retryable') AND attempt = "+strconv.Itoa(made), now.Add(q.opts.Retry.MaxDelay(made)))
	}
	return err
}

// bound sets the times of the jobs that match to the latest one allowed.
func (q *Queue) bound(ctx context.Context, match string, latest time.Time) error {
	query := strings.ReplaceAll("UPDATE river_job SET scheduled_at = ?1 WHERE "+match+" AND queue = ?2 AND scheduled_at > ?1",
		"?", q.driver.ArgPlaceholder())
	return q.driver.GetExecutor().Exec(ctx, query, timeText(latest), q.opts.Name)
}

// timeText returns a time as River stores it.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// recover puts back the running jobs of processes that were lost, or of a Consume
// that could not store its results.
func (q *Queue) recover(ctx context.Context) error {
	if q.opts.Shared {
		return nil
	}
	q.recovery.Lock()
	defer q.recovery.Unlock()
	var lost []*rivertype.JobRow
	for rows, err := range running(ctx, q.driver.GetExecutor()) {
		if err != nil {
			return fmt.Errorf("riverqueue: find lost jobs: %w", err)
		}
		lost = append(lost, q.lost(rows)...)
	}
	if err := q.rescue(ctx, lost); err != nil {
		return fmt.Errorf("riverqueue: put back lost jobs: %w", err)
	}
	return nil
}
