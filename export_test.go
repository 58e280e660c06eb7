package eventmetrics

import "github.com/eventmetrics/eventmetrics/internal/worker"

// Origin and WithOrigin write and read queue.Job.Metadata.
var (
	Metadata     = worker.Metadata
	WithMetadata = worker.WithMetadata
)
