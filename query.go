package eventmetrics

import (
	"context"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Series answers a time series from the ledger: buckets ascending by start,
// then event type, then group. A series that compares reads its two ranges one
// after the other. Errors: metrics.ErrNoUniques, metrics.ErrNoGroupUniques,
// metrics.ErrBadRange, metrics.ErrNoPrevious, metrics.ErrTooManyBuckets,
// *UnknownDimensionError, ErrFuture.
	}
	var before iter.Seq2[metrics.Daily, error]
	if series.Compare != "" {
		previous := series.Previous()
		before = s.store.Daily(ctx, previous.Query())
	}
	buckets, err := series.BucketsBeside(s.store.Daily(ctx, series.Query()), before)
	if err != nil {
		return Answer{}, err
	}
	if err := st.lookAgain(ctx, series); err != nil {
		return Answer{}, err
	}
	if series.Finality {
		series.SetFinality(buckets, st.now, st.pending, st.sealed())
	}
	return Answer{buckets, st.of(buckets)}, nil
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
