package redisqueue

import (
	"context"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// chunk is the greatest number of jobs of one call, since a call blocks Redis.
const chunk = 1000

// Enqueue implements [queue.Queue]. Jobs are added in chunks of 1,000; each is
// added as a whole or not at all. The error of a Redis without free memory is a
// [queue.ErrUnavailable].
func (q *Queue) Enqueue(ctx context.Context, jobs ...queue.Job) error {
	for _, j := range jobs {
		if err := j.Validate(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for part := range slices.Chunk(jobs, chunk) {
		if _, err := q.eval(ctx, "enqueue", q.script.enqueue, "", enqueueArgs(part)...); err != nil {
			return err
		}
	}
	return nil
}

// enqueueArgs returns the arguments of enqueue.lua. Of jobs with the same key it
// takes the first.
func enqueueArgs(jobs []queue.Job) []any {
	args := make([]any, 2, len(jobs)+2)
	var later, metadata []any
	seen := make(map[string]bool, len(jobs))
	for _, j := range jobs {
		key := j.Key()
		if seen[key] {
			continue
		}
		seen[key] = true
		if j.RunAt.IsZero() {
			args = append(args, key)
		} else {
			later = append(later, key, millis(j.RunAt))
		}
		if j.Metadata != "" {
			metadata = append(metadata, key, j.Metadata)
		}
	}
	args[0], args[1] = len(args)-2, len(later)/2
	return slices.Concat(args, later, metadata)
}

// maxMillis is the last millisecond that a score of a sorted set can represent
// exactly, in the year 287396.
const maxMillis = 1<<53 - 1

// millis returns the first millisecond that is not before t, within the range of
// scores.
func millis(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s >= maxMillis/1000:
		return maxMillis
	}
	return t.Add(time.Millisecond - 1).UnixMilli()
}

// ceil returns d in whole milliseconds, rounded up.
func ceil(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
