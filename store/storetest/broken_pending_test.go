package storetest_test

import (
	"context"
	"errors"
	"sync"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func brokenPendings() []broken {
	returns, keeps := "Pending returns what Commit was given", "Commit does not change or keep the pending contribution"
	removes, gone := "Record removes the pending contribution", "a removed batch has no pending contribution"
	return []broken{
		{"keeps the pending totals only", returns, "Pending after Commit", func(p *patched) {
			editPending(p, func(_ string, c metrics.Contribution) metrics.Contribution { return c.Totals() })
		}},
		{"returns the pending contribution that it keeps", returns, "written over an earlier answer", func(p *patched) {
			kept := map[string]metrics.Contribution{}
			editPending(p, func(id string, c metrics.Contribution) metrics.Contribution {
				if kept[id] == nil {
					kept[id] = c
				}
				return kept[id]
			})
		}},
		{"loses the pending contribution with the first status", returns, "Pending after SetStatus", func(p *patched) {
			p.pending = func(ctx context.Context, id string) (metrics.Contribution, error) {
				if b, _ := p.Store.Batch(ctx, id); b.Status != store.Uploaded {
					return nil, nil
				}
				return p.Store.Pending(ctx, id)
			}
		}},
		{"keeps the pending contribution itself", keeps, "written over what it committed", func(p *patched) {
			kept := given(p, func(c metrics.Contribution) metrics.Contribution { return c })
			p.pending = func(_ context.Context, id string) (metrics.Contribution, error) { return kept(id), nil }
		}},
		{"changes the pending contribution", keeps, "Commit changed the contribution", func(p *patched) {
			given(p, func(c metrics.Contribution) metrics.Contribution {
				c[0].Count++
				return c
			})
		}},
		{"counts a pending contribution", "a pending contribution does not count", "after Commit with a contribution", func(p *patched) {
			p.writer = func(_ context.Context, id string, w *patchedWriter) error {
				commit := w.commit
				w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					b, err := commit(ctx, b, pending)
					return b, errors.Join(err, p.Store.Record(ctx, id, pending))
				}
				return nil
			}
		}},
		{"keeps the pending contribution after Record", removes, "still there", func(p *patched) {
			kept := given(p, func(c metrics.Contribution) metrics.Contribution { return metrics.Merge(c) })
			p.pending = func(_ context.Context, id string) (metrics.Contribution, error) { return kept(id), nil }
		}},
		{"records the pending contribution instead", removes, "another contribution than the pending one", func(p *patched) {
			p.record = func(ctx context.Context, id string, _ metrics.Contribution) error {
				c, err := p.Store.Pending(ctx, id)
				return errors.Join(err, p.Store.Record(ctx, id, c))
			}
		}},
		{"has an attachment for the pending contribution", removes, `Attachment "contribution" after Record`, func(p *patched) {
			hideAttachments(p, func(name string) bool { return name == "contribution" })
		}},
		{"deletes all attachments on Record", removes, `" after Record: want`, func(p *patched) {
			hideAttachments(p, func(string) bool { return true })
		}},
		{"has no pending contribution of an unknown batch", gone, "Pending of an unknown batch: got error <nil>", func(p *patched) {
			p.pending = func(ctx context.Context, id string) (metrics.Contribution, error) {
				c, err := p.Store.Pending(ctx, id)
				return c, ignore(store.ErrNotFound, err)
			}
		}},
		{"loses pending contributions with the process", "the pending contribution survives the process", "Pending: ", func(p *patched) {
			p.reopen = func() store.Store { return memstore.New() }
		}},
	}
}

func editPending(p *patched, edit func(id string, c metrics.Contribution) metrics.Contribution) {
	p.pending = func(ctx context.Context, id string) (metrics.Contribution, error) {
		c, err := p.Store.Pending(ctx, id)
		return edit(id, c), err
	}
}

// given edits the contributions that Commit is given, and returns what
// remembers them.
func given(p *patched, edit func(metrics.Contribution) metrics.Contribution) func(id string) metrics.Contribution {
	var mu sync.Mutex
	kept := map[string]metrics.Contribution{}
	p.writer = func(_ context.Context, id string, w *patchedWriter) error {
		commit := w.commit
		w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
			mu.Lock()
			defer mu.Unlock()
			kept[id] = edit(pending)
			return commit(ctx, b, pending)
		}
		return nil
	}
	return func(id string) metrics.Contribution {
		mu.Lock()
		defer mu.Unlock()
		return kept[id]
	}
}
