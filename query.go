package eventmetrics

import (
	"context"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Series answers a time series from the ledger: buckets ascending by start,
// then event type. Errors: metrics.ErrNoUniques, metrics.ErrBadRange,
// metrics.ErrTooManyBuckets.
func (s *Service) Series(ctx context.Context, series metrics.Series) ([]metrics.Bucket, error) {
	if err := series.Validate(); err != nil {
		return nil, err
	}
	ctx, done := s.observeQuery(ctx, "series")
	buckets, err := series.Buckets(s.store.Daily(ctx, series.Query()))
	done(ignore(err, metrics.ErrTooManyBuckets))
	return buckets, err
}

// Explain returns the batches that make up the count of one UTC day and event
// type, ascending by id; their counts sum to it. Errors: ErrUnsupported.
func (s *Service) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	if e, ok := store.As[store.Explainer](s.store); ok {
		return observed(ctx, s, "explain", func(ctx context.Context) iter.Seq2[store.Share, error] {
			return e.Explain(ctx, day, eventType)
		})
	}
	return func(yield func(store.Share, error) bool) {
		yield(store.Share{}, fmt.Errorf("eventmetrics: explain: %w", ErrUnsupported))
	}
}
