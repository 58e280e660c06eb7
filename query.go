package eventmetrics

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/store"
)

// Query computes a time series from the ledger: see [series.Run]. Dimensions may
// be spelled as in files: see [ingest.ColumnName]. Errors:
// series.ErrNoUniques, series.ErrNoGroupUniques, series.ErrBadRange,
// series.ErrNoPrevious, series.ErrTooManyBuckets, *series.UnalignedZoneError,
// *series.NoSubjectError, *UnknownDimensionError, ErrFuture. All queries under
// way stay within Options.QueryMemory: one that needs what others use waits, up
// to ten seconds, then fails with ErrBusy; one that alone needs more fails with
// *MemoryExceededError.
func (s *Service) Query(ctx context.Context, q series.Query) (result series.Result, err error) {
	err = s.QueryFunc(ctx, q, func(r *series.Result, _ func(int64) error) error {
		result = *r
		return nil
	})
	return result, err
}

// checkQuery checks what is known before anything is read, and gives dimensions
// the names of their columns.
func (s *Service) checkQuery(q *series.Query) error {
	if err := q.Validate(); err != nil {
		return err
	}
	q.GroupBy, q.Where = ingest.ColumnNames(q.GroupBy), whereNames(q.Where)
	if err := s.checkDimensions(q); err != nil {
		return err
	}
	if q.AsOf.UnixMilli() > s.now().UnixMilli() {
		return ErrFuture
	}
	return nil
}

// whereNames returns a filter by the names of columns.
func whereNames(where map[string][]string) map[string][]string {
	named := make(map[string][]string, len(where))
	for _, spelled := range slices.Sorted(maps.Keys(where)) {
		name := ingest.ColumnName(spelled)
		named[name] = append(named[name], where[spelled]...)
	}
	return named
}

// isRefusal reports whether an error is due to the query, not to the store.
func isRefusal(err error) bool {
	_, unaligned := errors.AsType[*series.UnalignedZoneError](err)
	_, noSubject := errors.AsType[*series.NoSubjectError](err)
	_, exceeded := errors.AsType[*budget.ExceededError](err)
	return unaligned || noSubject || exceeded || errors.Is(err, budget.ErrBusy) || errors.Is(err, series.ErrTooManyBuckets)
}

// source is what series are computed from: the ledger.
func (s *Service) source() series.Source {
	src := series.Source{DayCounts: s.store.DayCounts, Pending: s.pending, Now: s.now}
	if r, ok := store.As[store.Retainer](s.store); ok {
		src.UnpurgedDays = r.UnpurgedDays
	}
	return src
}

// pending reports whether there is a batch that does not count yet and has not
// failed. It asks for each status in the order of a batch's life, so that it
// meets a batch whose status changes meanwhile, and for queued batches again,
// because a failed attempt returns a batch to the queue.
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
	if s.invalid != nil {
		return func(yield func(store.Share, error) bool) { yield(store.Share{}, s.invalid) }
	}
	if e, ok := store.As[store.Explainer](s.store); ok {
		return observed(ctx, s, "explain", func(ctx context.Context) iter.Seq2[store.Share, error] {
			return e.Explain(ctx, day, eventType)
		})
	}
	return func(yield func(store.Share, error) bool) {
		yield(store.Share{}, fmt.Errorf("eventmetrics: explain: %w", ErrUnsupported))
	}
}
