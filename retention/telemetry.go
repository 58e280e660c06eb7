package retention

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
)

// observeRetain starts a span. The function that it returns ends it and
// measures.
func (e *Enforcer) observeRetain(ctx context.Context, dryRun bool) (context.Context, func(*Report, error)) {
	ctx, span := e.tel.Start(ctx, "retain")
	return ctx, func(r *Report, err error) {
		if !dryRun {
			for kind, n := range map[string]int64{"batch": r.Archived, "event": r.Events, "row": r.Rows, "dead_letter": r.Dead} {
				e.tel.Purged.Add(ctx, n, metric.WithAttributes(attribute.String("kind", kind)))
			}
		}
		telemetry.End(span, telemetry.OutcomeOf(err), telemetry.FaultOf(err))
	}
}

// observeErase starts a span, which does not name the subject. The function
// that it returns ends it and measures.
func (e *Enforcer) observeErase(ctx context.Context, dryRun bool) (context.Context, func(*ErasureReceipt, error)) {
	ctx, span := e.tel.Start(ctx, "erase")
	return ctx, func(r *ErasureReceipt, err error) {
		span.SetAttributes(attribute.String("eventmetrics.erasure.id", r.ID))
		if !dryRun {
			for kind, n := range map[string]int64{"event": r.Events, "row": r.Rows, "dead_letter": r.DeadLetters} {
				e.tel.Erased.Add(ctx, n, metric.WithAttributes(attribute.String("kind", kind)))
			}
		}
		telemetry.End(span, telemetry.OutcomeOf(err), telemetry.FaultOf(err))
	}
}
