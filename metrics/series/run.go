package series

import (
	"context"
	"iter"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Source provides what a [Result] is computed from. DayCounts is required.
type Source struct {
	// DayCounts returns the daily metrics that a filter selects, ascending by
	// [metrics.DayCount.Compare]. The first error ends
	// the query.
	DayCounts func(context.Context, metrics.Filter) iter.Seq2[metrics.DayCount, error]
	// Pending reports whether there is a batch that does not count yet and has
	// not failed. Nil means that there is none.
	Pending func(context.Context) (bool, error)
	// UnpurgedDays returns, ascending, the days from first to last in which a
	// batch has a share whose raw events are not purged. Zero means no limit.
	// Nil means that no events are ever purged.
	UnpurgedDays func(ctx context.Context, first, last metrics.Day) ([]metrics.Day, error)
	// Require is told how many bytes of memory the result takes, whenever that is
	// about a MiB more than before. Its error ends the query, unchanged. Nil
	// means no limit.
	Require func(ctx context.Context, bytes int64) error
	// Now returns the present; nil means time.Now.
	Now func() time.Time
}

// Run computes the series of a query. A query that compares reads its two
// ranges one after the other. Errors: those of [Query.Validate],
// *UnalignedZoneError, *NoSubjectError, ErrTooManyBuckets, and those of the
// source, unchanged.
func Run(ctx context.Context, src Source, q Query) (Result, error) {
	if err := q.Validate(); err != nil {
		return Result{}, err
	}
	check, err := newFinalityCheck(ctx, &src, &q)
	if err != nil {
		return Result{}, err
	}
	r, err := read(ctx, &src, &q, check.now)
	if err != nil {
		return Result{}, err
	}
	if err := check.recheck(ctx); err != nil {
		return Result{}, err
	}
	if q.Finality {
		check.setBuckets(r.Buckets)
	}
	r.Finality = check.ofResult(&r)
	if q.Top > 0 && !q.grouped() {
		r.Buckets = keepTop(r.Buckets, q.Top, q.Other)
	}
	return r, nil
}

// read reads the daily metrics of both ranges into buckets. now is the present, or
// the moment as of which the query counts.
func read(ctx context.Context, src *Source, q *Query, now time.Time) (Result, error) {
	t := newTable(q)
	if src.Require != nil {
		t.require = func(bytes int64) error { return src.Require(ctx, bytes) }
	}
	if err := t.addAll(src.DayCounts(ctx, q.filter())); err != nil {
		return Result{}, err
	}
	if q.Compare != "" {
		previous := q.Previous()
		t.startPrevious(&previous, now)
		if err := t.addAll(src.DayCounts(ctx, previous.filter())); err != nil {
			return Result{}, err
		}
	}
	var r Result
	if t.breakdown != nil {
		r.Unattributed, r.PreviousUnattributed = t.breakdown.unknown, t.breakdown.previousUnknown
	}
	if q.grouped() {
		r.Collapsed = t.breakdown.collapse()
	}
	if q.Fill {
		if err := t.fill(); err != nil {
			return Result{}, err
		}
	}
	if err := t.requireResult(); err != nil {
		return Result{}, err
	}
	r.Buckets = t.buckets()
	for i := range r.Buckets {
		r.Count += r.Buckets[i].Count
		r.PreviousCount += r.Buckets[i].Previous
	}
	return r, nil
}
