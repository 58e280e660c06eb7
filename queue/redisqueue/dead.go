package redisqueue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// Dead implements [queue.DeadLetters]. A cursor is the time of a death in
// microseconds. It is unique, and stays valid when the job is gone.
func (q *Queue) Dead(ctx context.Context, query queue.DeadQuery) ([]queue.DeadJob, error) {
	before := "+inf"
	if query.Cursor != "" {
		n, err := strconv.ParseInt(query.Cursor, 10, 64)
		if err != nil || n <= 0 || strconv.FormatInt(n, 10) != query.Cursor {
			return nil, fmt.Errorf("redisqueue: %w: %.40q", queue.ErrBadCursor, query.Cursor)
		}
		before = "(" + query.Cursor
	}
	answer, err := q.eval(ctx, "list dead jobs", q.script.dead, "", before, query.Size())
	if err != nil {
		return nil, err
	}
	rows, err := list(answer, -1)
	if err != nil {
		return nil, err
	}
	dead := make([]queue.DeadJob, len(rows))
	for i, row := range rows {
		if dead[i], err = deadJob(row); err != nil {
			return nil, err
		}
	}
	return dead, nil
}

// deadJob reads a row of dead.lua.
func deadJob(row any) (queue.DeadJob, error) {
	fields, err := texts(row, 5)
	if err != nil {
		return queue.DeadJob{}, err
	}
	key, score := fields[0], fields[1]
	job, err := queue.ParseKey(key)
	if err != nil {
		return queue.DeadJob{}, fmt.Errorf("redisqueue: read dead job: %w", err)
	}
	job.Metadata = fields[4]
	most, failures, _ := strings.Cut(fields[3], ":")
	var died int64
	if died, err = strconv.ParseInt(score, 10, 64); err == nil {
		job.Attempt, err = strconv.Atoi(fields[2])
	}
	if err == nil {
		job.MaxAttempts, err = strconv.Atoi(most)
	}
	dead := queue.DeadJob{Job: job, Died: time.UnixMicro(died).UTC(), Cursor: score}
	if err == nil {
		dead.Failures, err = readFailures(failures)
	}
	if err != nil {
		return queue.DeadJob{}, fmt.Errorf("redisqueue: read dead job %q: %w", key, err)
	}
	if n := len(dead.Failures); n > 0 {
		dead.Err = dead.Failures[n-1].Err
	}
	return dead, nil
}

// readFailures reads what work.lua keeps of the attempts that failed.
func readFailures(text string) ([]queue.Failure, error) {
	var kept []struct {
		Attempt int
		At      int64 // ms since 1970
		Err     string
	}
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		return nil, err
	}
	failures := make([]queue.Failure, len(kept))
	for i, f := range kept {
		failures[i] = queue.Failure{Attempt: f.Attempt, At: time.UnixMilli(f.At).UTC(), Err: f.Err}
	}
	return failures, nil
}

// Retry implements [queue.DeadLetters].
func (q *Queue) Retry(ctx context.Context, key string) error {
	return q.removeDead(ctx, "retry", key)
}

// Discard implements [queue.DeadLetters].
func (q *Queue) Discard(ctx context.Context, key, reason string) error {
	err := q.removeDead(ctx, "discard", key)
	if err == nil {
		q.opts.Logger.InfoContext(ctx, "job discarded", "job", key, "reason", reason)
	}
	return err
}

// removeDead removes a job from the dead letters, to retry or to discard it.
func (q *Queue) removeDead(ctx context.Context, operation, key string) error {
	if _, err := queue.ParseKey(key); err != nil {
		return fmt.Errorf("%w: %w", queue.ErrNotFound, err)
	}
	answer, err := q.eval(ctx, operation+" job", q.script.exhume, rand.Text(), key, operation)
	if err != nil {
		return err
	}
	switch answer {
	case "ok":
		return nil
	case "alive":
		return queue.ErrNotDead
	case "unknown":
		return queue.ErrNotFound
	default:
		return fmt.Errorf("%w: %v", errAnswer, answer)
	}
}
