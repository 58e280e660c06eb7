package metricsserver

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// backendTimeout bounds how long a scrape waits for a backend. It is shorter
// than Prometheus's own timeout.
const backendTimeout = 4 * time.Second

// upDesc describes whether a backend is available. An unavailable backend is a
// value, not an error: the other metrics must be served during an outage.
func upDesc(backend string) *prometheus.Desc {
	return prometheus.NewDesc("eventmetrics_backend_up", "Whether the backend answers.", nil, prometheus.Labels{"backend": backend})
}

func up(desc *prometheus.Desc, err error) prometheus.Metric {
	value := 1.0
	if err != nil && !errors.Is(err, store.ErrFull) { // a full disk has metrics of its own
		value = 0
	}
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
}

// QueueStatser returns the statistics of a queue.
type QueueStatser interface {
	QueueStats(ctx context.Context) (queue.Stats, error)
}

// queueCollector reads the statistics of the queue at each scrape.
type queueCollector struct {
	queue            QueueStatser
	jobs, oldest, up *prometheus.Desc
}

func newQueueCollector(q QueueStatser) queueCollector {
	return queueCollector{
		queue:  q,
		jobs:   prometheus.NewDesc("eventmetrics_queue_jobs", "Jobs of the queue by state.", []string{"state"}, nil),
		oldest: prometheus.NewDesc("eventmetrics_queue_oldest_waiting_seconds", "Age of the job that has waited longest.", nil, nil),
		up:     upDesc("queue"),
	}
}

// Describe implements prometheus.Collector.
func (c queueCollector) Describe(out chan<- *prometheus.Desc) {
	out <- c.jobs
	out <- c.oldest
	out <- c.up
}

// Collect implements prometheus.Collector.
func (c queueCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backendTimeout)
	defer cancel()
	stats, err := c.queue.QueueStats(ctx)
	out <- up(c.up, err)
	if err != nil {
		return
	}
	for state, n := range map[string]int64{
		"waiting": stats.Waiting, "delayed": stats.Delayed, "running": stats.Running, "dead": stats.Dead,
	} {
		out <- prometheus.MustNewConstMetric(c.jobs, prometheus.GaugeValue, float64(n), state)
	}
	out <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, stats.OldestWaiting.Seconds())
}

// storeCollector pings the store at each scrape.
type storeCollector struct {
	store store.Store
	up    *prometheus.Desc
}

func newStoreCollector(st store.Store) storeCollector { return storeCollector{st, upDesc("store")} }

// Describe implements prometheus.Collector.
func (c storeCollector) Describe(out chan<- *prometheus.Desc) { out <- c.up }

// Collect implements prometheus.Collector.
func (c storeCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backendTimeout)
	defer cancel()
	out <- up(c.up, c.store.Ping(ctx))
}
