package memqueue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// Dead implements [queue.DeadLetters].
func (q *Queue) Dead(ctx context.Context, query queue.DeadQuery) ([]queue.DeadJob, error) {
	before := int64(0)
	if query.Cursor != "" {
		n, err := strconv.ParseInt(query.Cursor, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("memqueue: %w: %.40q", queue.ErrBadCursor, query.Cursor)
		}
		before = n
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	var list []queue.DeadJob
	for _, e := range slices.Backward(q.dead) {
		if len(list) == query.Size() {
			break
		}
		if before == 0 || e.death < before {
			list = append(list, e.deadJob())
		}
	}
	return list, ctx.Err()
}

// deadJob returns the dead letter of a dead job, which has failed at least once.
func (e *entry) deadJob() queue.DeadJob {
	return queue.DeadJob{
		Job: e.Job, Err: e.failures[len(e.failures)-1].Err, Died: e.at.UTC(),
		Failures: slices.Clone(e.failures), Cursor: strconv.FormatInt(e.death, 10),
	}
}

// Retry implements [queue.DeadLetters].
func (q *Queue) Retry(ctx context.Context, key string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, err := q.removeDead(ctx, key)
	if err != nil {
		return err
	}
	e.Attempt = 0
	q.wait(e, time.Now())
	return nil
}

// Discard implements [queue.DeadLetters].
func (q *Queue) Discard(ctx context.Context, key, reason string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, err := q.removeDead(ctx, key); err != nil {
		return err
	}
	delete(q.jobs, key)
	q.opts.Logger.InfoContext(ctx, "job discarded", "job", key, "reason", reason)
	return nil
}

// removeDead removes the job from the dead letters and returns it. The caller
// holds the lock.
func (q *Queue) removeDead(ctx context.Context, key string) (*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.removeDone()
	e := q.jobs[key]
	if e == nil {
		return nil, queue.ErrNotFound
	}
	if e.state != dead {
		return nil, queue.ErrNotDead
	}
	q.dead = slices.DeleteFunc(q.dead, func(d *entry) bool { return d == e })
	return e, nil
}
