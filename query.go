package eventmetrics

import (
	"context"
	"errors"
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
func (s *Service) Series(ctx context.Context, series metrics.Series) ([]metrics.Bucket, error) {
	a, err := s.Answer(ctx, series)
	return a.Buckets, err
}

// Answer is a series with what can be said of it as a whole.
type Answer struct {
	metrics.Answer

	// Finality says whether the answer can be expected to stay as it is: it is
	// open unless the range has a last day and is over, and settled where each
	// bucket is, those of the earlier range of a comparison too. With AsOf it is
	// settled from a minute behind that moment on, when clocks and what was
	// under way make no difference any more. It is sealed if nothing but sealed
	// batches has a share in the days of the range.
	Finality metrics.Finality
}

// Answer does what Series does, says how final the answer is, and what could
// not be attributed to dimensions. Errors: those of Series.
func (s *Service) Answer(ctx context.Context, series metrics.Series) (Answer, error) {
	if err := series.Validate(); err != nil {
		return Answer{}, err
	}
	if err := s.checkDimensions(&series); err != nil {
		return Answer{}, err
	}
	if series.AsOf.UnixMilli() > s.now().UnixMilli() {
		return Answer{}, ErrFuture
	}
	ctx, done := s.observeQuery(ctx, "series")
	a, err := s.answer(ctx, &series)
	fault := err
	if errors.Is(err, metrics.ErrTooManyBuckets) {
		fault = nil
	}
	done(fault)
	return a, err
}

func (s *Service) answer(ctx context.Context, series *metrics.Series) (Answer, error) {
	st, err := s.standing(ctx, series)
	if err != nil {
		return Answer{}, err
	}
	var before iter.Seq2[metrics.DayCount, error]
	if series.Compare != "" {
		previous := series.Previous()
		before = s.store.DayCounts(ctx, previous.Query())
	}
	a, err := series.Answer(s.store.DayCounts(ctx, series.Query()), before)
	if err != nil {
		return Answer{}, err
	}
	if err := st.lookAgain(ctx, series); err != nil {
		return Answer{}, err
	}
	if series.Finality {
		series.SetFinality(a.Buckets, st.now, st.pending, st.sealed())
	}
	return Answer{a, st.of(a.Buckets)}, nil
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
