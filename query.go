package eventmetrics

import (
	"context"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Series answers a time series from the ledger: buckets ascending by start,
// then event type. A series that compares reads its two ranges one after the
// other. Errors: metrics.ErrNoUniques,
// metrics.ErrBadRange, metrics.ErrNoPrevious, metrics.ErrTooManyBuckets.
func (s *Service) Series(ctx context.Context, series metrics.Series) ([]metrics.Bucket, error) {
	if err := series.Validate(); err != nil {
		return nil, err
	}
	ctx, done := s.observeQuery(ctx, "series")
	buckets, err := s.series(ctx, &series)
	done(ignore(err, metrics.ErrTooManyBuckets))
	return buckets, err
}

func (s *Service) series(ctx context.Context, series *metrics.Series) ([]metrics.Bucket, error) {
	now, pending := s.now(), false
	if series.Finality {
		var err error
		if pending, err = s.pending(ctx); err != nil {
			return nil, err
		}
	}
	var before iter.Seq2[metrics.Daily, error]
	if series.Compare != "" {
		previous := series.Previous()
		before = s.store.Daily(ctx, previous.Query())
	}
	buckets, err := series.BucketsBeside(s.store.Daily(ctx, series.Query()), before)
	if err != nil {
		return nil, err
	}
	if series.Finality {
		series.SetFinality(buckets, now, pending)
	}
	return buckets, nil
}

// pending reports whether there is a batch that does not count yet and has not
// failed. It asks in the order of a batch's life, so that one that moves on
// meanwhile is met, and again for those that an attempt has put back.
func (s *Service) pending(ctx context.Context) (bool, error) {
	for _, status := range []store.Status{store.Uploaded, store.Queued, store.Processing, store.Queued} {
		batches, err := s.store.Batches(ctx, store.BatchQuery{Statuses: []store.Status{status}, Limit: 1})
		if err != nil || len(batches) > 0 {
			return len(batches) > 0, err
		}
	}
	return false, nil
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
