package riverqueue

import (
	"context"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/eventmetrics/eventmetrics/queue"
)

// counts names each state, so that the query uses the index on it. It leaves out
// completed jobs, of which there may be many. ? stands for the placeholder of
// the driver. A job that could run waits, even if no call has made it available
// yet.
const counts = `
SELECT coalesce(sum(CASE WHEN due THEN 1 ELSE 0 END), 0),
       coalesce(sum(CASE WHEN NOT due AND state IN ('available', 'pending', 'scheduled', 'retryable') THEN 1 ELSE 0 END), 0),
       coalesce(sum(CASE WHEN state = 'running' THEN 1 ELSE 0 END), 0),
       coalesce(sum(CASE WHEN state IN ('discarded', 'cancelled') THEN 1 ELSE 0 END), 0)
FROM (
  SELECT state, state = 'available' AND attempt = 0
    OR state IN ('available', 'scheduled', 'retryable') AND scheduled_at <= ?1 AS due
  FROM river_job
  WHERE state IN ('available', 'pending', 'scheduled', 'retryable', 'running', 'discarded', 'cancelled')
    AND queue = ?2
) AS jobs`

// Stats implements [queue.Queue]. A job that has failed may count as running for
// up to a quarter of a second, since River writes failures in batches.
func (q *Queue) Stats(ctx context.Context) (queue.Stats, error) {
	var s queue.Stats
	now := time.Now().UTC()
	query := strings.ReplaceAll(counts, "?", q.driver.ArgPlaceholder())
	err := q.driver.GetExecutor().
		QueryRow(ctx, query, timeText(now), q.opts.Name).
		Scan(&s.Waiting, &s.Delayed, &s.Running, &s.Dead)
	if err != nil {
		return queue.Stats{}, explain(ctx, "count jobs", err)
	}
	if s.Waiting == 0 {
		return s, nil
	}
	oldest, err := q.idle.JobList(ctx, river.NewJobListParams().
		Queues(q.opts.Name).
		States(rivertype.JobStateAvailable, rivertype.JobStateScheduled, rivertype.JobStateRetryable).
		OrderBy(river.JobListOrderByScheduledAt, river.SortOrderAsc).
		First(1))
	if err != nil {
		return queue.Stats{}, explain(ctx, "find oldest job", err)
	}
	if len(oldest.Jobs) > 0 {
		s.OldestWaiting = max(now.Sub(oldest.Jobs[0].ScheduledAt), 0)
	}
	return s, nil
}
