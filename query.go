package eventmetrics

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/store"
)

// Query computes a time series from the ledger. A query that compares reads its
// two ranges one after the other. Errors: series.ErrNoUniques,
// series.ErrNoGroupUniques, series.ErrBadRange, series.ErrNoPrevious,
// series.ErrTooManyBuckets, *UnknownDimensionError, ErrFuture.
func (s *Service) Query(ctx context.Context, q series.Query) (series.Result, error) {
	if err := q.Validate(); err != nil {
		return series.Result{}, err
	}
	if err := s.checkDimensions(&q); err != nil {
		return series.Result{}, err
	}
	if q.AsOf.UnixMilli() > s.now().UnixMilli() {
		return series.Result{}, ErrFuture
	}
	ctx, done := s.observeQuery(ctx, "series")
	r, err := s.query(ctx, &q)
	fault := err
	if errors.Is(err, series.ErrTooManyBuckets) {
		fault = nil
	}
	done(fault)
	return r, err
}

func (s *Service) query(ctx context.Context, q *series.Query) (series.Result, error) {
	st, err := s.standing(ctx, q)
	if err != nil {
		return series.Result{}, err
	}
	var before iter.Seq2[metrics.DayCount, error]
	if q.Compare != "" {
		previous := q.Previous()
		before = s.store.DayCounts(ctx, previous.Filter())
	}
	r, err := q.Answer(s.store.DayCounts(ctx, q.Filter()), before)
	if err != nil {
		return series.Result{}, err
	}
	if err := st.lookAgain(ctx, q); err != nil {
		return series.Result{}, err
	}
	if q.Finality {
		q.SetFinality(r.Buckets, st.now, st.pending, st.sealed())
	}
	r.Finality = st.of(r.Buckets)
	return r, nil
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
