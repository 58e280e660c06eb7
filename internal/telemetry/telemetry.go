// Package telemetry has what the packages of the library share about spans and
// measures: one scope, outcomes, trace parents and request ids. Each package
// makes its instruments itself.
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

// Tracer returns the tracer of the library; nil means the global provider.
func Tracer(provider trace.TracerProvider) trace.Tracer {
	if provider == nil {
		provider = otel.GetTracerProvider()
	}
	return provider.Tracer(scope)
}

// Meter makes instruments. Their names are constants that tests use, so that no
// error can occur. Attributes are of short lists: outcomes, codes and kinds,
// never an id or an event type.
type Meter struct{ meter metric.Meter }

// NewMeter returns the meter of the library; nil means the global provider.
func NewMeter(provider metric.MeterProvider) Meter {
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	return Meter{provider.Meter(scope)}
}

// Counter returns a number that only grows.
func (m Meter) Counter(name, unit, about string) metric.Int64Counter {
	c, _ := m.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(about))
	return c
}

// UpDownCounter returns a number that grows and shrinks.
func (m Meter) UpDownCounter(name, unit, about string) metric.Int64UpDownCounter {
	c, _ := m.meter.Int64UpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(about))
	return c
}

// Gauge returns a number that is set.
func (m Meter) Gauge(name, unit, about string) metric.Int64Gauge {
	g, _ := m.meter.Int64Gauge(name, metric.WithUnit(unit), metric.WithDescription(about))
	return g
}

// Seconds returns a histogram of seconds with buckets from 5 ms to the
// greatest.
func (m Meter) Seconds(name, about string, greatest float64) metric.Float64Histogram {
	var bounds []float64
	for _, b := range []float64{0.005, 0.02, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600} {
		if b <= greatest {
			bounds = append(bounds, b)
		}
	}
	h, _ := m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(about), metric.WithExplicitBucketBoundaries(bounds...))
	return h
}

// AddByKind adds numbers to a counter, each with its attribute kind.
func AddByKind(ctx context.Context, c metric.Int64Counter, numbers map[string]int64) {
	for kind, n := range numbers {
		c.Add(ctx, n, Kind(kind))
	}
}

// Kind is the attribute kind of a measure.
func Kind(kind string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("kind", kind))
}

// RecordTime records the seconds since a moment, with attributes.
func RecordTime(ctx context.Context, h metric.Float64Histogram, start time.Time, attrs ...attribute.KeyValue) {
	h.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(attrs...))
}

// Outcome is the attribute of spans and times for how something ended.
func Outcome(outcome string) attribute.KeyValue { return attribute.String("outcome", outcome) }

// Batch is the attribute of spans for the id of a batch.
func Batch(id string) attribute.KeyValue { return attribute.String("eventmetrics.batch.id", id) }

// End ends a span. A fault is an error that the caller did not cause.
func End(span trace.Span, outcome string, fault error) {
	span.SetAttributes(Outcome(outcome))
	if fault != nil {
		span.SetStatus(codes.Error, clip.Text(fault.Error(), 500))
	}
	span.End()
}

// EndWith ends the span of an operation that can only fail because of the store
// or a cancelled context. It returns the outcome.
func EndWith(span trace.Span, err error) (outcome string) {
	outcome, fault := OutcomeOf(err), err
	if errors.Is(err, context.Canceled) { // by the caller
		fault = nil
	}
	End(span, outcome, fault)
	return outcome
}

// OutcomeOf returns the outcome of an operation that can only fail because of
// the store or a cancelled context.
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
