package storetest_test

import (
	"context"
	"iter"
	"strings"
	"sync"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenErasures() []broken {
	removes, literal, statuses := "Retainer: Erase removes the selected events", "Retainer: Erase takes fields and values literally", "Retainer: Erase works in every status"
	reader, told, race, stays := "Retainer: a reader of events gets all of them or ErrChanged", "Retainer: Erase names the reason why it cannot erase", "Retainer: one of several concurrent erasures succeeds", "Retainer: erased events do not come back"
	return []broken{
		{"takes erased events from the number of events", removes, "AcceptedRows: want", func(p *patched) {
			p.editBatch(func(b *store.Batch) { b.AcceptedRows -= b.Erased })
		}},
		{"says that it erased too much", removes, "Erase of", func(p *patched) {
			p.erase = func(ctx context.Context, id string, e store.Erasure) (int64, error) {
				n, err := p.Store.Erase(ctx, id, e)
				return n + 1, err
			}
		}},
		{"erases from the ledger", removes, "DayCounts after Erase", func(p *patched) {
			p.erase = func(ctx context.Context, id string, e store.Erasure) (int64, error) {
				n, err := p.Store.Erase(ctx, id, e)
				_ = p.Store.Amend(ctx, id, nil)
				return n, err
			}
		}},
		{"erases what looks alike", literal, "Erase of", func(p *patched) {
			p.erase = func(ctx context.Context, id string, e store.Erasure) (int64, error) {
				e.Value = strings.TrimSpace(e.Value)
				return p.Store.Erase(ctx, id, e)
			}
		}},
		{"erases from completed batches only", statuses, "Erase: ", func(p *patched) {
			p.erase = func(ctx context.Context, id string, e store.Erasure) (int64, error) {
				if b, err := p.Store.Batch(ctx, id); err != nil || b.Status != store.Completed {
					return 0, store.ErrConflict
				}
				return p.Store.Erase(ctx, id, e)
			}
		}},
		{"erases under a reader's eyes", reader, "not those from before", func(p *patched) {
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				return func(yield func(metrics.Event, error) bool) {
					last := int64(0)
					for more := true; more; {
						more = false
						n := 0
						for e, err := range p.Store.Events(ctx, id) {
							if err == nil && e.Row <= last {
								continue
							}
							if n++; n > 5000 {
								more = true
								break
							}
							if last = e.Row; !yield(e, err) {
								return
							}
						}
					}
				}
			}
		}},
		{"erases without comparing the last erasure", told, "who has not seen the last", func(p *patched) {
			p.erase = func(ctx context.Context, id string, e store.Erasure) (int64, error) {
				b, _ := p.Store.Batch(ctx, id)
				e.After = b.Erasure
				return p.Store.Erase(ctx, id, e)
			}
		}},
		{"finds nothing to erase in a purged batch", told, "purged batch: got error <nil>", func(p *patched) {
			p.erase = func(ctx context.Context, id string, e store.Erasure) (int64, error) {
				n, err := p.Store.Erase(ctx, id, e)
				return n, ignore(store.ErrEventsPurged, err)
			}
		}},
		{"lets two erasures succeed", race, "of 4 concurrent Erase succeeded", func(p *patched) {
			var mu sync.Mutex
			p.erase = func(ctx context.Context, id string, e store.Erasure) (int64, error) {
				mu.Lock()
				defer mu.Unlock()
				b, _ := p.Store.Batch(ctx, id)
				e.After = b.Erasure
				return p.Store.Erase(ctx, id, e)
			}
		}},
		{"loses erasures with the process", stays, "loss of the process", func(p *patched) {
			uploads := map[string][]metrics.Event{}
			p.writer = func(_ context.Context, id string, w *patchedWriter) error {
				write := w.write
				w.write = func(ctx context.Context, events []metrics.Event) error {
					uploads[id] = append(uploads[id], events...)
					return write(ctx, events)
				}
				return nil
			}
			p.reopen = func() store.Store {
				p.events = func(_ context.Context, id string) iter.Seq2[metrics.Event, error] {
					return yieldAll[metrics.Event](uploads[id])
				}
				return p
			}
		}},
	}
}
