package eventmetrics

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// eachBatch yields the batches that q selects, page by page. A Batch is valid
// until the next.
func (s *Service) eachBatch(ctx context.Context, q store.BatchQuery) iter.Seq2[*store.Batch, error] {
	return func(yield func(*store.Batch, error) bool) {
		q.Limit = store.MaxLimit
		for {
			page, err := s.store.Batches(ctx, q)
			if err != nil {
				yield(nil, fmt.Errorf("list batches: %w", err))
				return
			}
			for i := range page {
				q.After = page[i].ID
				if !yield(&page[i], nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
		}
	}
}

// eachDead yields the dead letters, page by page.
func (s *Service) eachDead(ctx context.Context) iter.Seq2[*queue.DeadJob, error] {
	return func(yield func(*queue.DeadJob, error) bool) {
		for cursor := ""; ; {
			page, err := s.queue.Dead(ctx, queue.DeadQuery{Cursor: cursor, Limit: 1000})
			if err != nil {
				yield(nil, fmt.Errorf("list dead jobs: %w", err))
				return
			}
			for i := range page {
				cursor = page[i].Cursor
				if !yield(&page[i], nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
		}
	}
}

// discardDead discards the dead letters that match, or counts them. Their
// batches are marked failed first: the dead job is what would have told the
// reconciler.
func (s *Service) discardDead(ctx context.Context, dryRun bool, reason string, match func(*queue.DeadJob) bool) (n int64, _ error) {
	if !dryRun {
		if err := s.failDead(ctx); err != nil {
			return 0, err
		}
	}
	for job, err := range s.eachDead(ctx) {
		if err != nil {
			return n, err
		}
		if !match(job) {
			continue
		}
		if !dryRun {
			err := s.queue.Discard(ctx, job.Key(), reason)
			if errors.Is(err, queue.ErrNotFound) || errors.Is(err, queue.ErrNotDead) {
				continue // retried or discarded meanwhile
			}
			if err != nil {
				return n, fmt.Errorf("discard dead job: %w", err)
			}
		}
		n++
	}
	return n, nil
}
