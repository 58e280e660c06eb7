package rollup

import (
	"context"
	"iter"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// Explain yields the batches that have events of a type on a day, and how
// many, ascending by batch. Errors: store.ErrUnavailable.
func (l *Ledger) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return func(yield func(store.Share, error) bool) {
		for last := ""; ; {
			page, err := l.explainAfter(ctx, day, last)
			if err != nil {
				yield(store.Share{}, err)
				return
			}
			for i := range page {
				last = page[i].ID
				if n := page[i].count(eventType); n > 0 && page[i].Revision != "" && !yield(store.Share{BatchID: page[i].BatchID, Count: n}, nil) {
					return
				}
			}
			if len(page) < command.MaxKeys {
				return
			}
		}
	}
}

func (d *shareDoc) count(eventType string) int64 {
	for i := range d.Metrics {
		if d.Metrics[i].Type == eventType {
			return d.Metrics[i].Count
		}
	}
	return 0
}

// explainAfter reads the page of the shares of a day after a key. It clears the
// revision of shares that do not count.
func (l *Ledger) explainAfter(ctx context.Context, day metrics.Day, key string) ([]shareDoc, error) {
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(command.MaxKeys).SetProjection(eq("slots", 0, "subjects", 0))
	page, err := l.shares.after(ctx, eq("date", day.String()), key, opts)
	if err != nil {
		return nil, err
	}
	entries, err := l.entriesOf(ctx, page)
	for i := range page {
		if e := entries[page[i].BatchID]; e == nil || e.Revision != page[i].Revision {
			page[i].Revision = ""
		}
	}
	return page, err
}
