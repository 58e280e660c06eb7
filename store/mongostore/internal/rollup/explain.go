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
				if page[i].Revision == "" {
					continue
				}
				n, err := page[i].count(eventType)
				if err != nil {
					yield(store.Share{}, err)
					return
				}
				if n > 0 && !yield(store.Share{BatchID: page[i].BatchID, Count: n}, nil) {
					return
				}
			}
			if len(page) < command.MaxKeys {
				return
			}
		}
	}
}

// count returns the number of events of a type in a share.
func (d *shareDoc) count(eventType string) (n int64, err error) {
	c, err := metrics.DecodeContribution(d.Slots.Data, metrics.Filter{Types: []string{eventType}})
	for i := range c {
		n += c[i].Count
	}
	return n, err
}

// explainAfter reads the page of the shares of a day after a key. It clears the
// revision of shares that do not count.
func (l *Ledger) explainAfter(ctx context.Context, day metrics.Day, key string) ([]shareDoc, error) {
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(command.MaxKeys).SetProjection(eq("metrics", 0, "subjects", 0))
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
