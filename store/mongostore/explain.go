package mongostore

import (
	"context"
	"iter"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// explainPage is the number of shares that one query reads.
const explainPage = 1000

// Explain implements [store.Explainer].
func (s *Store) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return func(yield func(store.Share, error) bool) {
		for last := ""; ; {
			page, err := s.explainFrom(ctx, day, last)
			if err != nil {
				yield(store.Share{}, wrap(err, "explain %s %.40q", day, eventType))
				return
			}
			for i := range page {
				last = page[i].ID
				if n := page[i].count(eventType); n > 0 && page[i].Revision != "" && !yield(store.Share{BatchID: page[i].BatchID, Count: n}, nil) {
					return
				}
			}
			if len(page) < explainPage {
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

// explainFrom reads a page of the shares of a day. Those that do not count
// have no revision.
func (s *Store) explainFrom(ctx context.Context, day metrics.Day, last string) ([]shareDoc, error) {
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(explainPage).SetProjection(eq("slots", 0, "subjects", 0))
	page, err := s.sharesAfter(ctx, eq("date", day.String()), last, opts)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].BatchID
	}
	entries, err := s.entries(ctx, ids)
	for i := range page {
		if e := entries[page[i].BatchID]; e == nil || e.Revision != page[i].Revision {
			page[i].Revision = ""
		}
	}
	return page, err
}

// entries reads the entries of batches.
func (s *Store) entries(ctx context.Context, ids []string) (map[string]*entryDoc, error) {
	found := make(map[string]*entryDoc, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), explainPage)
		page, err := findAll[entryDoc](ctx, s, s.contributions, eq("_id", eq("$in", ids[:n])), options.Find())
		if err != nil {
			return nil, err
		}
		for i := range page {
			found[page[i].ID] = &page[i]
		}
		ids = ids[n:]
	}
	return found, nil
}
