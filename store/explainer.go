package store

import (
	"context"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Explainer is a [Store] that knows which batches make up a count.
type Explainer interface {
	// Explain returns the share of each batch in the count of one day and
	// event type, ascending by batch id. Batches without a share are left out.
	// The counts sum to the Count of the DayCount, and the slots to its Slots.
	Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[Share, error]
}

// Share is the part of one batch in a count.
type Share struct {
	BatchID string
	Count   int64
	// Slots are the events by quarter hour. They must not be changed.
	Slots *metrics.Slots
}
