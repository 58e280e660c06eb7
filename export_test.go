package eventmetrics

import "github.com/eventmetrics/eventmetrics/internal/worker"

// Origin and WithOrigin write and read queue.Job.Origin.
var (
	Origin     = worker.Origin
	WithOrigin = worker.WithOrigin
)
