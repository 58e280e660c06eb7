package retention

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
)

// instruments make the spans and measures of an Enforcer.
type instruments struct {
	tracer trace.Tracer
	purged metric.Int64Counter
	erased metric.Int64Counter
}

func newInstruments(o *Options) instruments {
	m := telemetry.NewMeter(o.MeterProvider)
	return instruments{
		tracer: telemetry.Tracer(o.TracerProvider),
		purged: m.Counter("eventmetrics.retention.purged", "{item}", "Batches, raw events, rejected rows and dead letters removed because of their age, by kind."),
		erased: m.Counter("eventmetrics.erasure.removed", "{item}", "Raw events, rejected rows and dead letters removed by erasures, by kind."),
	}
}

// observeApply starts the span of an Apply. The function that it returns ends
// the span and counts.
func (t *instruments) observeApply(ctx context.Context, dryRun bool) (context.Context, func(*Report, error)) {
	ctx, span := t.tracer.Start(ctx, "retain")
	return ctx, func(r *Report, err error) {
		if !dryRun {
			telemetry.AddByKind(ctx, t.purged, map[string]int64{"batch": r.Archived, "event": r.Events, "row": r.Rows, "dead_letter": r.Dead})
		}
		telemetry.EndWith(span, err)
	}
}

// observeErase starts the span of an Erase, which does not name the subject.
// The function that it returns ends the span and counts.
func (t *instruments) observeErase(ctx context.Context, dryRun bool) (context.Context, func(*ErasureReceipt, error)) {
	ctx, span := t.tracer.Start(ctx, "erase")
	return ctx, func(r *ErasureReceipt, err error) {
		span.SetAttributes(attribute.String("eventmetrics.erasure.id", r.ID))
		if !dryRun {
			telemetry.AddByKind(ctx, t.erased, map[string]int64{"event": r.Events, "row": r.Rows, "dead_letter": r.DeadLetters})
		}
		telemetry.EndWith(span, err)
	}
}
