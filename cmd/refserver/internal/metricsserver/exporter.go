// Package metricsserver serves Prometheus metrics and profiles to operators.
package metricsserver

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/eventmetrics/eventmetrics/store"
)

// Exporter collects the metrics of a server and serves them.
type Exporter struct {
	registry *prometheus.Registry
	meters   *sdkmetric.MeterProvider
}

// New returns an Exporter that pings st at each scrape. It exports the version of the
// program as the label of eventmetrics_build_info, which is always 1.
func New(st store.Store, version string) (*Exporter, error) {
	registry := prometheus.NewRegistry()
	all := []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newStoreCollector(st),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "eventmetrics_build_info", Help: "1; the labels say which program this is.",
			ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
		}, func() float64 { return 1 }),
	}
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("metricsserver: register collector: %w", err)
		}
	}
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("metricsserver: create exporter: %w", err)
	}
	return &Exporter{registry, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))}, nil
}

// WatchQueue exports the statistics of a queue, which it reads at each scrape.
// Call it once.
func (e *Exporter) WatchQueue(q QueueStatser) error {
	if err := e.registry.Register(newQueueCollector(q)); err != nil {
		return fmt.Errorf("metricsserver: register collector: %w", err)
	}
	return nil
}

// MeterProvider returns a provider whose instruments are exported.
func (e *Exporter) MeterProvider() metric.MeterProvider { return e.meters }

// Handler serves GET /metrics and GET /debug/pprof/. It passes GET /healthz and
// GET /readyz on to health: during shutdown this listener stays open longer
// than the public one.
func (e *Exporter) Handler(health http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", health)
	mux.Handle("GET /readyz", health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(e.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
