package storetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenInspections() []broken {
	sound, changing, damaged := "Inspector: Inspect finds no damage where there is none", "Inspector: Inspect finds no damage while the store changes", "Inspector: Inspect names the batch that is damaged"
	return []broken{
		{"takes purged batches for damaged", sound, "of a sound store: got", func(p *patched) {
			p.inspect = func(ctx context.Context, _ string) (in store.Inspection, _ error) {
				for b, err := range store.All(ctx, p.Store, store.BatchQuery{}) {
					if err != nil {
						return in, err
					}
					if b.EventsPurged {
						in.Damages = append(in.Damages, store.Damage{Part: "events", BatchID: b.ID, Err: "no events"})
					}
				}
				return in, nil
			}
		}},
		{"inspects the last part again and again", sound, "no end", func(p *patched) {
			p.inspect = func(context.Context, string) (store.Inspection, error) {
				return store.Inspection{Next: "last"}, nil
			}
		}},
		{"compares sums of different times", changing, "concurrent with changes", func(p *patched) {
			var mu sync.Mutex
			recorded := 0
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				mu.Lock()
				recorded++
				mu.Unlock()
				return p.Store.Record(ctx, id, c)
			}
			p.inspect = func(context.Context, string) (in store.Inspection, _ error) {
				number := func() int {
					mu.Lock()
					defer mu.Unlock()
					return recorded
				}
				before := number()
				letReadersRun()
				if number() != before {
					in.Damages = []store.Damage{{Part: store.PartSums, Err: "differ"}}
				}
				return in, nil
			}
		}},
		{"forgets the place when a batch is deleted", changing, "Inspect: no such place", func(p *patched) {
			deleted := false
			p.deleteBatch = func(ctx context.Context, id string) error {
				deleted = true
				return p.Store.DeleteBatch(ctx, id)
			}
			p.inspect = func(_ context.Context, from string) (store.Inspection, error) {
				if from != "" && deleted {
					return store.Inspection{}, errors.New("no such place")
				}
				return store.Inspection{Next: map[string]string{"": "batches"}[from]}, nil
			}
		}},
		{"looks at the newest batch only", damaged, "want a Damage of the batch", func(p *patched) {
			p.inspect = func(context.Context, string) (store.Inspection, error) {
				p.damaged = slices.Clone(p.damaged[:0])
				return store.Inspection{}, nil
			}
		}},
	}
}
