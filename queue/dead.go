package queue

import (
	"context"
	"fmt"
	"iter"
)

// AllDead yields all dead letters of a queue, the latest to die first. It reads
// them in pages, so a job that dies meanwhile may be missing. After an error
// nothing follows.
func AllDead(ctx context.Context, q Queue) iter.Seq2[*DeadJob, error] {
	return func(yield func(*DeadJob, error) bool) {
		for cursor := ""; ; {
			page, err := q.Dead(ctx, DeadQuery{Cursor: cursor, Limit: 1000})
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
