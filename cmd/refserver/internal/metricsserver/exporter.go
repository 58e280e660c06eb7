// Package metricsserver shows operators what the server does: metrics in the form of
// Prometheus, and profiles.
package metricsserver

import (
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Ops gathers the metrics of a server.
type Ops struct {
	registry *prometheus.Registry
	meters   *sdkmetric.MeterProvider
}

// New returns an Ops that asks st and q for their state at each scrape.
func New(st store.Store, q queue.Queue) (*Ops, error) {
	registry := prometheus.NewRegistry()
	all := []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newQueueCollector(q), newStoreCollector(st),
	}
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("ops: register collector: %w", err)
		}
	}
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("ops: make exporter: %w", err)
	}
	return &Ops{registry, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))}, nil
}

// MeterProvider returns the provider whose instruments are among the metrics.
func (o *Ops) MeterProvider() metric.MeterProvider { return o.meters }

// Handler serves GET /metrics, GET /debug/pprof/, and what health has under
// GET /healthz and GET /readyz: while the server ends it listens here longer
// than where clients come.
func (o *Ops) Handler(health http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", health)
	mux.Handle("GET /readyz", health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
