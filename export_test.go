package eventmetrics

import "github.com/eventmetrics/eventmetrics/internal/worker"

// Metadata and WithMetadata write and read queue.Job.Metadata.
var (
	Metadata     = worker.Metadata
	WithMetadata = worker.WithMetadata
)
