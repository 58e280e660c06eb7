package eventmetrics

import (
	"errors"
)

// Errors of a Service. It also passes on store.ErrNotFound, store.ErrConflict
// and ingest's *HeaderError,
// *AmbiguousTimeError and *RuleError.
var (
	// ErrFuture means that a series is asked for as of a moment to come.
	ErrFuture = errors.New("eventmetrics: as of a moment in the future")
)
