package eventmetrics

// Origin and WithOrigin write and read queue.Job.Origin.
var (
	Origin     = origin
	WithOrigin = withOrigin
)
