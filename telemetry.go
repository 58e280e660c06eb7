package eventmetrics

import (
	"context"
	"iter"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/store"
)

// instruments make the spans and measures of a Service. Its parts have their
// own.
type instruments struct {
	tracer    trace.Tracer
	queryTime metric.Float64Histogram
	removed   metric.Int64Counter
}

func newInstruments(o *Options) instruments {
	m := telemetry.NewMeter(o.MeterProvider)
	return instruments{
		tracer:    telemetry.Tracer(o.TracerProvider),
		queryTime: m.Seconds("eventmetrics.query.duration", "Time of a query, by query and outcome.", 30),
		removed:   m.Counter("eventmetrics.cleanup.removed", "{batch}", "Batches and unfinished uploads removed by cleanups, by kind."),
	}
}

// observeQuery starts the span of a query. The function that it returns ends
// the span and measures.
func (s *Service) observeQuery(ctx context.Context, query string) (context.Context, func(error)) {
	start := time.Now()
	ctx, span := s.tel.tracer.Start(ctx, "query "+query)
	return ctx, func(err error) {
		outcome := telemetry.EndWith(span, err)
		telemetry.RecordTime(ctx, s.tel.queryTime, start, attribute.String("query", query), telemetry.Outcome(outcome))
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

// observeCleanup starts the span of a cleanup. The function that it returns
// ends the span and counts.
func (s *Service) observeCleanup(ctx context.Context, dryRun bool) (context.Context, func(store.Pruned, error)) {
	ctx, span := s.tel.tracer.Start(ctx, "cleanup")
	return ctx, func(p store.Pruned, err error) {
		if !dryRun {
			telemetry.AddByKind(ctx, s.tel.removed, map[string]int64{"batch": p.Batches, "remainder": p.Unfinished})
		}
		telemetry.EndWith(span, err)
	}
}
