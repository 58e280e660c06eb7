package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/eventmetrics/eventmetrics/httpapi"

// telemetry makes a span of each request and measures it. Attributes of the
// measure are of short lists: methods, patterns and classes of statuses.
type telemetry struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
}

func newTelemetry(traces trace.TracerProvider, meters metric.MeterProvider) telemetry {
	if traces == nil {
		traces = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	// The name is a constant that tests use, so that there is no error.
	duration, _ := meters.Meter(scope).Float64Histogram("http.server.request.duration",
		metric.WithUnit("s"), metric.WithDescription("Time of a request, by method, route and class of its status."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300))
	return telemetry{traces.Tracer(scope), duration}
}

// observe starts the span of a request, in the trace that its headers name.
// The function that it returns ends it and measures.
func (t telemetry) observe(r *http.Request, pattern string) (context.Context, func(status int)) {
	start := time.Now()
	method, route := methodOf(r), routeOf(pattern)
	name, attrs := method, []attribute.KeyValue{attribute.String("http.request.method", method)}
	if route != "" {
		name += " " + route
		attrs = append(attrs, attribute.String("http.route", route))
	}
	ctx := otel.GetTextMapPropagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("url.path", short(r.URL.Path)), attribute.String("eventmetrics.request_id", requestIDOf(r)))
	}
	return ctx, func(status int) {
		attrs = append(attrs, attribute.String("http.response.status_class", class(status)))
		t.duration.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(attrs...))
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= 500 || status == 0 {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		span.End()
	}
}

// methodOf is the method if it is a known one.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	default:
		return "_OTHER"
	}
}

// routeOf is the path of a pattern, or "".
func routeOf(pattern string) string {
	_, path, _ := strings.Cut(pattern, " ")
	return strings.TrimSuffix(path, "{$}")
}

// class returns 2xx for 200, and 0xx for an answer without a status.
func class(status int) string { return strconv.Itoa(status/100) + "xx" }
