package ledger

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
)

// instruments make the spans and measures of a Ledger.
type instruments struct {
	tracer        trace.Tracer
	drifted       metric.Int64Counter
	unreadable    metric.Int64Counter
	auditFindings metric.Int64Gauge
	auditLast     metric.Int64Gauge
}

func newInstruments(o *Options) instruments {
	m := telemetry.NewMeter(o.MeterProvider)
	t := instruments{
		tracer:        telemetry.Tracer(o.TracerProvider),
		drifted:       m.Counter("eventmetrics.reprocess.drift", "{batch}", "Batches whose events did not sum to what the ledger had."),
		unreadable:    m.Counter("eventmetrics.reprocess.unreadable", "{batch}", "Batches that could not be recounted."),
		auditFindings: m.Gauge("eventmetrics.audit.findings", "{finding}", "Findings of the audits that are not resolved, by kind."),
		auditLast:     m.Gauge("eventmetrics.audit.last_time", "s", "When the last round of the audit ended, in Unix time."),
	}
	// An alert on an increase needs a first value of 0.
	t.drifted.Add(context.Background(), 0)
	t.unreadable.Add(context.Background(), 0)
	return t
}

// observeReprocess starts the span of a reprocess. The function that it returns
// ends the span and counts.
func (t *instruments) observeReprocess(ctx context.Context) (context.Context, func(*Report, error)) {
	ctx, span := t.tracer.Start(ctx, "reprocess")
	return ctx, func(r *Report, err error) {
		t.drifted.Add(ctx, r.Drifted)
		t.unreadable.Add(ctx, r.Unreadable)
		span.SetAttributes(attribute.Int64("eventmetrics.batches", r.Batches), attribute.Int64("eventmetrics.drifted", r.Drifted))
		telemetry.EndWith(span, err)
	}
}

// observeAudit starts the span of a round. The function that it returns ends
// the span and records the findings.
func (l *Ledger) observeAudit(ctx context.Context) (context.Context, func(*Round, *Integrity, error)) {
	ctx, span := l.tel.tracer.Start(ctx, "audit")
	return ctx, func(r *Round, all *Integrity, err error) {
		for kind, n := range map[string]int{
			"drifted_batch": len(all.Drifts), "unreadable_batch": len(all.Unreadable), "wrong_day": len(all.WrongDays),
			"damage": len(all.Damages),
		} {
			l.tel.auditFindings.Record(ctx, int64(n), telemetry.Kind(kind))
		}
		if err == nil {
			l.tel.auditLast.Record(ctx, l.now().Unix())
		}
		span.SetAttributes(attribute.Int64("eventmetrics.batches", r.Batches), attribute.Int64("eventmetrics.days", r.Days))
		telemetry.EndWith(span, err)
	}
}
