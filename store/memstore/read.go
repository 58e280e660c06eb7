package memstore

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Events implements [store.Store]. It holds no mutex while it yields, because
// the caller may call the store inside the range.
func (s *Store) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	return func(yield func(metrics.Event, error) bool) {
		b, err := s.find(ctx, id)
		if err == nil && b.EventsPurged {
			err = fmt.Errorf("memstore: batch %q: %w", id, store.ErrEventsPurged)
		}
		for _, e := range b.events {
			if err = ctx.Err(); err != nil || !yield(e, nil) {
				break
			}
		}
		if err != nil {
			yield(metrics.Event{}, err)
		}
	}
}

// Attachment implements [store.Store]. It yields the attachment as one chunk.
func (s *Store) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		b, err := s.find(ctx, id)
		if err != nil {
			yield(nil, err)
			return
		}
		if chunk, ok := b.attachments[name]; ok {
			yield(slices.Clone(chunk), nil)
		}
	}
}
