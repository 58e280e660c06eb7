package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// All yields the batches that q selects, page by page. A Batch is valid
// until the next. Errors: those of st; metrics.ErrCorrupt if the batches are not
// in order.
func All(ctx context.Context, st Store, q BatchQuery) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		q.Limit = MaxLimit
		for {
			page, err := st.Batches(ctx, q)
			if err != nil {
				yield(nil, fmt.Errorf("list batches: %w", err))
				return
			}
			for i := range page {
				if q.After != "" && page[i].ID >= q.After { // would go on without an end
					yield(nil, fmt.Errorf("list batches: %w: they are not in order", metrics.ErrCorrupt))
					return
				}
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

// ReadAttachment returns an attachment as a whole.
func ReadAttachment(ctx context.Context, st Store, id, name string) ([]byte, error) {
	var all []byte
	for chunk, err := range st.Attachment(ctx, id, name) {
		if err != nil {
			return nil, err
		}
		all = append(all, chunk...)
	}
	return all, nil
}
