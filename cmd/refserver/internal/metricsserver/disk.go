package metricsserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// diskCollector reads the sizes of the files of a data directory, and the room
// of the store in it, at each scrape.
type diskCollector struct {
	dir                           string
	store                         *sqlitestore.Store // nil if the store is elsewhere
	free, reserve, reusable, size *prometheus.Desc
}

// WatchDisk exports the sizes of the files in a data directory, and the free
// space if st is a store in it. Call it once.
func (e *Exporter) WatchDisk(dir string, st store.Store) error {
	embedded, _ := store.As[*sqlitestore.Store](st)
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("eventmetrics_disk_"+name+"_bytes", help, labels, nil)
	}
	err := e.registry.Register(diskCollector{
		dir: dir, store: embedded,
		free:     desc("free", "Free space of the file system of the store."),
		reserve:  desc("reserve", "Free space that uploads leave to the ledger and the queue."),
		reusable: desc("reusable", "Free space in the file of the store, which new batches use first."),
		size:     desc("file", "Size of a file in the data directory.", "file"),
	})
	if err != nil {
		return fmt.Errorf("metricsserver: register collector: %w", err)
	}
	return nil
}

// Describe implements prometheus.Collector.
func (c diskCollector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.free, c.reserve, c.reusable, c.size} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (c diskCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
	}
	for _, name := range []string{"events.db", "events.db-wal", "queue.db", "queue.db-wal"} {
		if info, err := os.Stat(filepath.Join(c.dir, name)); err == nil {
			gauge(c.size, info.Size(), name)
		}
	}
	if c.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), backendTimeout)
	defer cancel()
	space, err := c.store.Space(ctx)
	if err != nil {
		return
	}
	gauge(c.reusable, space.Reusable)
	if space.Reserve > 0 {
		gauge(c.free, space.Free)
		gauge(c.reserve, space.Reserve)
	}
}
