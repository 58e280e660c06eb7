package riverqueue

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/eventmetrics/eventmetrics/queue"
)

// counts names each state, so that the query uses the index on it. It leaves out
// completed jobs, of which there may be many. ? stands for the placeholder of
// the driver.
const counts = `
SELECT coalesce(sum(CASE WHEN state = 'available' AND (attempt = 0 OR scheduled_at <= ?1) THEN 1 ELSE 0 END), 0),
       coalesce(sum(CASE WHEN state = 'available' AND attempt > 0 AND scheduled_at > ?1
                           OR state IN ('pending', 'scheduled', 'retryable') THEN 1 ELSE 0 END), 0),
       coalesce(sum(CASE WHEN state = 'running' THEN 1 ELSE 0 END), 0),
       coalesce(sum(CASE WHEN state IN ('discarded', 'cancelled') THEN 1 ELSE 0 END), 0)
FROM river_job
WHERE state IN ('available', 'pending', 'scheduled', 'retryable', 'running', 'discarded', 'cancelled')
  AND queue = ?2`

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
		return queue.Stats{}, fmt.Errorf("riverqueue: count jobs: %w", err)
	}
	if s.Waiting == 0 {
		return s, nil
	}
	oldest, err := q.idle.JobList(ctx, river.NewJobListParams().
		Queues(q.opts.Name).
		States(rivertype.JobStateAvailable).
		OrderBy(river.JobListOrderByScheduledAt, river.SortOrderAsc).
		First(1))
	if err != nil {
		return queue.Stats{}, fmt.Errorf("riverqueue: find oldest job: %w", err)
	}
	if len(oldest.Jobs) > 0 {
		s.OldestWaiting = max(now.Sub(oldest.Jobs[0].ScheduledAt), 0)
	}
	return s, nil
}
