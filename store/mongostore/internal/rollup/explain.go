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
				share, err := page[i].share(eventType)
				if err != nil {
					yield(store.Share{}, err)
					return
				}
				if share.Count > 0 && !yield(share, nil) {
					return
				}
			}
			if len(page) < command.MaxKeys {
				return
			}
		}
	}
}

// share returns the events of a type; its count is 0 if there are none.
func (d *shareDoc) share(eventType string) (store.Share, error) {
	share := store.Share{BatchID: d.BatchID}
	c, err := metrics.DecodeContribution(d.Slots.Data, metrics.Filter{Types: []string{eventType}, Slots: true})
	if len(c) > 0 {
		share.Count, share.Slots = c[0].Count, c[0].Slots
	}
	return share, err
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
