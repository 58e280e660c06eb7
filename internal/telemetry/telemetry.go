// Package telemetry has the instruments of the library.
package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/store"
)

// scope names the library to tracers and meters.
const scope = "github.com/eventmetrics/eventmetrics"

// Telemetry makes spans and measures. The attributes of instruments are of
// short lists: outcomes, codes and kinds, never an id or an event type.
type Telemetry struct {
	trace.Tracer

	UploadTime    metric.Float64Histogram
	UploadBytes   metric.Int64Counter
	UploadsActive metric.Int64UpDownCounter
	Accepted      metric.Int64Counter
	Rejected      metric.Int64Counter
	ProcessTime   metric.Float64Histogram
	ProcessWait   metric.Float64Histogram
	Drifted       metric.Int64Counter
	Unreadable    metric.Int64Counter
	Removed       metric.Int64Counter
	Purged        metric.Int64Counter
	Erased        metric.Int64Counter
	QueryTime     metric.Float64Histogram
	AuditFindings metric.Int64Gauge
	AuditLast     metric.Int64Gauge
}

func New(traces trace.TracerProvider, meters metric.MeterProvider) *Telemetry {
	if traces == nil {
		traces = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	m := meter{meters.Meter(scope)}
	t := &Telemetry{
		Tracer:        traces.Tracer(scope),
		UploadTime:    m.seconds("eventmetrics.upload.duration", "Time of an upload, by outcome.", 300),
		UploadBytes:   m.counter("eventmetrics.upload.io", "By", "Bytes of files that were read, decompressed."),
		UploadsActive: m.gauge("eventmetrics.upload.active", "{upload}", "Uploads under way."),
		Accepted:      m.counter("eventmetrics.upload.accepted", "{row}", "Rows of the files that became batches."),
		Rejected:      m.counter("eventmetrics.upload.rejected", "{row}", "Rejected rows of files that were read to the end, by code."),
		ProcessTime:   m.seconds("eventmetrics.process.duration", "Time of an attempt to process a batch, by outcome.", 300),
		ProcessWait:   m.seconds("eventmetrics.process.wait", "Time between a batch being queued and its first attempt.", 3600),
		Drifted:       m.counter("eventmetrics.reprocess.drift", "{batch}", "Batches whose events did not sum to what the ledger had."),
		Unreadable:    m.counter("eventmetrics.reprocess.unreadable", "{batch}", "Batches that could not be counted again."),
		Removed:       m.counter("eventmetrics.cleanup.removed", "{batch}", "Batches and remainders of uploads Removed by cleanups, by kind."),
		Purged:        m.counter("eventmetrics.retention.purged", "{item}", "Batches, raw events, Rejected rows and dead letters removed because of their age, by kind."),
		Erased:        m.counter("eventmetrics.erasure.removed", "{item}", "Raw events, Rejected rows and dead letters Removed by erasures, by kind."),
		QueryTime:     m.seconds("eventmetrics.query.duration", "Time of a query, by query and outcome.", 30),
	}
	t.AuditFindings, _ = m.Int64Gauge("eventmetrics.audit.findings", metric.WithUnit("{finding}"),
		metric.WithDescription("What the audits know to be wrong, by kind."))
	t.AuditLast, _ = m.Int64Gauge("eventmetrics.audit.last_time", metric.WithUnit("s"),
		metric.WithDescription("When the last round of the audit ended, in Unix time."))
	// An alert on an increase needs the 0 that was before it.
	t.Drifted.Add(context.Background(), 0)
	t.Unreadable.Add(context.Background(), 0)
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

func Since(start time.Time) float64 { return time.Since(start).Seconds() }

func OutcomeAttr(outcome string) attribute.KeyValue {
	return attribute.String("outcome", outcome)
}

func BatchAttr(id string) attribute.KeyValue { return attribute.String("eventmetrics.batch.id", id) }

// End ends a span. A fault is an error that is not the caller's.
func End(span trace.Span, outcome string, fault error) {
	span.SetAttributes(OutcomeAttr(outcome))
	if fault != nil {
		span.SetStatus(codes.Error, clip.Text(fault.Error(), 500))
	}
	span.End()
}

// OutcomeOf tells the outcome of what nobody but the store can spoil.
func OutcomeOf(err error) string {
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

// FaultOf is an error unless it only says that the caller left.
func FaultOf(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
