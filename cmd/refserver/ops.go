package main

import (
	"context"
	"io"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/eventmetrics/eventmetrics/queue"
)

// startOps serves Prometheus metrics and pprof to operators.
func (a *app) startOps(ctx context.Context) (io.Closer, error) {
	if a.config.opsAddr == "" {
		return io.NopCloser(nil), nil
	}
	l, err := listen(ctx, "OPS_ADDR", a.config.opsAddr)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), queueCollector{a.backends.Queue})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := newServer(mux, a.logger)
	go func() { _ = server.Serve(l) }()
	a.logger.Info("listening for operators", "url", "http://"+l.Addr().String()+"/metrics")
	return server, nil
}

// queueCollector reads the numbers of the queue when it is asked for them.
type queueCollector struct{ queue queue.Queue }

func (c queueCollector) desc() (jobs, oldest *prometheus.Desc) {
	return prometheus.NewDesc("eventmetrics_queue_jobs", "Jobs of the queue by state.", []string{"state"}, nil),
		prometheus.NewDesc("eventmetrics_queue_oldest_waiting_seconds", "Age of the job that has waited longest.", nil, nil)
}

// Describe implements prometheus.Collector.
func (c queueCollector) Describe(out chan<- *prometheus.Desc) {
	jobs, oldest := c.desc()
	out <- jobs
	out <- oldest
}

// Collect implements prometheus.Collector.
func (c queueCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	jobs, oldest := c.desc()
	stats, err := c.queue.Stats(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(jobs, err)
		return
	}
	for state, n := range map[string]int64{
		"waiting": stats.Waiting, "delayed": stats.Delayed, "running": stats.Running, "dead": stats.Dead,
	} {
		out <- prometheus.MustNewConstMetric(jobs, prometheus.GaugeValue, float64(n), state)
	}
	out <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, stats.OldestWaiting.Seconds())
}
