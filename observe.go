package eventmetrics

import (
	"context"
	"iter"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/store"
)

// observeQuery starts the span of a query. The function that it returns ends
// it and measures.
func (s *Service) observeQuery(ctx context.Context, query string) (context.Context, func(error)) {
	start := time.Now()
	ctx, span := s.tel.Start(ctx, "query "+query)
	return ctx, func(err error) {
		outcome := telemetry.OutcomeOf(err)
		s.tel.QueryTime.Record(ctx, telemetry.Since(start), metric.WithAttributes(attribute.String("query", query), telemetry.OutcomeAttr(outcome)))
		telemetry.End(span, outcome, telemetry.FaultOf(err))
	}
}

// observed observes a query that is ranged over.
func observed[V any](ctx context.Context, s *Service, query string, all func(context.Context) iter.Seq2[V, error]) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		ctx, done := s.observeQuery(ctx, query)
		var last error
		defer func() { done(last) }()
		for v, err := range all(ctx) {
			last = err
			if !yield(v, err) {
				return
			}
		}
	}
}

// observeCleanup and observeReprocess start a span. The functions that they
// return end it and measure.
func (s *Service) observeCleanup(ctx context.Context, dryRun bool) (context.Context, func(store.Pruned, error)) {
	ctx, span := s.tel.Start(ctx, "cleanup")
	return ctx, func(p store.Pruned, err error) {
		if !dryRun {
			s.tel.Removed.Add(ctx, p.Batches, metric.WithAttributes(attribute.String("kind", "batch")))
			s.tel.Removed.Add(ctx, p.Unfinished, metric.WithAttributes(attribute.String("kind", "remainder")))
		}
		telemetry.End(span, telemetry.OutcomeOf(err), telemetry.FaultOf(err))
	}
}
