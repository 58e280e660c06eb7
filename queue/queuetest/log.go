package queuetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// delivery is one call of a handler.
type delivery struct {
	queue.Job
	start, end time.Time
	err        error
}

// deliveries records the calls of handlers.
type deliveries struct {
	mu       sync.Mutex
	all      []delivery
	running  map[string]int
	most     int // jobs that ran concurrently
	overlaps []string
}

// wrap returns a handler that calls h and records the call.
func (d *deliveries) wrap(h queue.Handler) queue.Handler {
	return func(ctx context.Context, j queue.Job) (err error) {
		start := time.Now()
		d.begin(j)
		err = errPanic
		defer func() { d.finish(delivery{Job: j, start: start, end: time.Now(), err: err}) }()
		err = h(ctx, j)
		return err
	}
}

func (d *deliveries) begin(j queue.Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running == nil {
		d.running = map[string]int{}
	}
	d.running[j.Key()]++
	if d.running[j.Key()] > 1 {
		d.overlaps = append(d.overlaps, j.Key())
	}
	d.most = max(d.most, len(d.running))
}

func (d *deliveries) finish(done delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, done)
	if d.running[done.Key()]--; d.running[done.Key()] == 0 {
		delete(d.running, done.Key())
	}
}

// list returns the deliveries that have ended, in the order of their ends.
func (d *deliveries) list() []delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.all)
}

// byKey returns the deliveries of each job.
func (d *deliveries) byKey() map[string][]delivery {
	m := map[string][]delivery{}
	for _, one := range d.list() {
		m[one.Key()] = append(m[one.Key()], one)
	}
	return m
}

// concurrency returns the greatest number of jobs that ran concurrently, and the
// jobs that ran twice concurrently.
func (d *deliveries) concurrency() (most int, overlaps []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.most, slices.Clone(d.overlaps)
}
