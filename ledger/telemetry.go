package ledger

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
)

func (l *Ledger) observeReprocess(ctx context.Context) (context.Context, func(*Report, error)) {
	ctx, span := l.tel.Start(ctx, "reprocess")
	return ctx, func(r *Report, err error) {
		l.tel.Drifted.Add(ctx, r.Drifted)
		l.tel.Unreadable.Add(ctx, r.Unreadable)
		span.SetAttributes(attribute.Int64("eventmetrics.batches", r.Batches), attribute.Int64("eventmetrics.drifted", r.Drifted))
		telemetry.End(span, telemetry.OutcomeOf(err), telemetry.FaultOf(err))
	}
}

// observeAudit starts the span of a round. The function that it returns ends
// it, and tells what is known to be wrong.
func (l *Ledger) observeAudit(ctx context.Context) (context.Context, func(*Round, *Integrity, error)) {
	ctx, span := l.tel.Start(ctx, "audit")
	return ctx, func(r *Round, all *Integrity, err error) {
		for kind, n := range map[string]int{
			"drifted_batch": len(all.Drifts), "unreadable_batch": len(all.Unreadable), "wrong_day": len(all.WrongDays),
		} {
			l.tel.AuditFindings.Record(ctx, int64(n), metric.WithAttributes(attribute.String("kind", kind)))
		}
		if err == nil {
			l.tel.AuditLast.Record(ctx, l.now().Unix())
		}
		span.SetAttributes(attribute.Int64("eventmetrics.batches", r.Batches), attribute.Int64("eventmetrics.days", r.Days))
		telemetry.End(span, telemetry.OutcomeOf(err), telemetry.FaultOf(err))
	}
}
