package eventmetrics

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/store"
)

// scope names the library to tracers and meters.
const scope = "github.com/eventmetrics/eventmetrics"

// telemetry makes spans and measures. The attributes of instruments are of
// short lists: outcomes, codes and kinds, never an id or an event type.
type telemetry struct {
	trace.Tracer

	uploadTime    metric.Float64Histogram
	uploadBytes   metric.Int64Counter
	uploadsActive metric.Int64UpDownCounter
	accepted      metric.Int64Counter
	rejected      metric.Int64Counter
	processTime   metric.Float64Histogram
	processWait   metric.Float64Histogram
	drifted       metric.Int64Counter
	unreadable    metric.Int64Counter
	removed       metric.Int64Counter
	purged        metric.Int64Counter
	erased        metric.Int64Counter
	queryTime     metric.Float64Histogram
	auditFindings metric.Int64Gauge
	auditLast     metric.Int64Gauge
}

func newTelemetry(traces trace.TracerProvider, meters metric.MeterProvider) *telemetry {
	if traces == nil {
		traces = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	m := meter{meters.Meter(scope)}
	t := &telemetry{
		Tracer:        traces.Tracer(scope),
		uploadTime:    m.seconds("eventmetrics.upload.duration", "Time of an upload, by outcome.", 300),
		uploadBytes:   m.counter("eventmetrics.upload.io", "By", "Bytes of files that were read, decompressed."),
		uploadsActive: m.gauge("eventmetrics.upload.active", "{upload}", "Uploads under way."),
		accepted:      m.counter("eventmetrics.upload.accepted", "{row}", "Rows of the files that became batches."),
		rejected:      m.counter("eventmetrics.upload.rejected", "{row}", "Rejected rows of files that were read to the end, by code."),
		processTime:   m.seconds("eventmetrics.process.duration", "Time of an attempt to process a batch, by outcome.", 300),
		processWait:   m.seconds("eventmetrics.process.wait", "Time between a batch being queued and its first attempt.", 3600),
		drifted:       m.counter("eventmetrics.reprocess.drift", "{batch}", "Batches whose events did not sum to what the ledger had."),
		unreadable:    m.counter("eventmetrics.reprocess.unreadable", "{batch}", "Batches that could not be counted again."),
		removed:       m.counter("eventmetrics.cleanup.removed", "{batch}", "Batches and remainders of uploads removed by cleanups, by kind."),
		purged:        m.counter("eventmetrics.retention.purged", "{item}", "Batches, raw events, rejected rows and dead letters removed because of their age, by kind."),
		erased:        m.counter("eventmetrics.erasure.removed", "{item}", "Raw events, rejected rows and dead letters removed by erasures, by kind."),
		queryTime:     m.seconds("eventmetrics.query.duration", "Time of a query, by query and outcome.", 30),
	}
	t.auditFindings, _ = m.Int64Gauge("eventmetrics.audit.findings", metric.WithUnit("{finding}"),
		metric.WithDescription("What the audits know to be wrong, by kind."))
	t.auditLast, _ = m.Int64Gauge("eventmetrics.audit.last_time", metric.WithUnit("s"),
		metric.WithDescription("When the last round of the audit ended, in Unix time."))
	// An alert on an increase needs the 0 that was before it.
	t.drifted.Add(context.Background(), 0)
	t.unreadable.Add(context.Background(), 0)
	return t
}

// meter makes instruments. Their names are constants that tests use, so that
// there is no error that could be about them.
type meter struct{ metric.Meter }

func (m meter) counter(name, unit, about string) metric.Int64Counter {
	c, _ := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(about))
	return c
}

func (m meter) gauge(name, unit, about string) metric.Int64UpDownCounter {
	c, _ := m.Int64UpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(about))
	return c
}

// seconds makes a histogram of buckets from 5 ms to the greatest.
func (m meter) seconds(name, about string, most float64) metric.Float64Histogram {
	var bounds []float64
	for _, b := range []float64{0.005, 0.02, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600} {
		if b <= most {
			bounds = append(bounds, b)
		}
	}
	h, _ := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(about), metric.WithExplicitBucketBoundaries(bounds...))
	return h
}

func since(start time.Time) float64 { return time.Since(start).Seconds() }

func outcomeAttr(outcome string) attribute.KeyValue {
	return attribute.String("outcome", outcome)
}

func batchAttr(id string) attribute.KeyValue { return attribute.String("eventmetrics.batch.id", id) }

// end ends a span. A fault is an error that is not the caller's.
func end(span trace.Span, outcome string, fault error) {
	span.SetAttributes(outcomeAttr(outcome))
	if fault != nil {
		span.SetStatus(codes.Error, clip(fault.Error(), maxCause))
	}
	span.End()
}

// outcomeOf tells the outcome of what nobody but the store can spoil.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, store.ErrUnavailable):
		return "unavailable"
	default:
		return "error"
	}
}

// faultOf is an error unless it only says that the caller left.
func faultOf(err error) error { return ignore(err, context.Canceled) }
