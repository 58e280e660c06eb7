package storetest_test

import (
	"context"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

func brokenNames() []broken {
	names, free, scrub := "Retainer: EraseNames removes the names that are asked for", "Retainer: an idempotency key that was erased is free", "Retainer: Scrub changes nothing that can be read"
	return []broken{
		{"erases both names always", names, "Batch after EraseNames", func(p *patched) {
			p.eraseNames = func(ctx context.Context, id string, _ store.Names) error {
				return p.Store.EraseNames(ctx, id, store.Names{FileName: true, IdempotencyKey: true})
			}
		}},
		{"moves the status while it erases names", names, "Batch after EraseNames", func(p *patched) {
			p.eraseNames = func(ctx context.Context, id string, names store.Names) error {
				_ = p.Store.SetStatus(ctx, id, store.Statuses(), store.Completed, "")
				return p.Store.EraseNames(ctx, id, names)
			}
		}},
		{"erases names of a batch that is not there", names, "EraseNames of an unknown batch", func(p *patched) {
			p.eraseNames = func(ctx context.Context, id string, names store.Names) error {
				_ = p.Store.EraseNames(ctx, id, names)
				return nil
			}
		}},
		{"keeps the erased key taken", free, "Batches by a key that was erased", func(p *patched) {
			p.eraseNames = func(ctx context.Context, id string, _ store.Names) error {
				return p.Store.EraseNames(ctx, id, store.Names{})
			}
		}},
		{"prunes where it should scrub", scrub, "Commit of an upload that was under way", func(p *patched) {
			p.scrub = func(ctx context.Context) error {
				_, err := p.Store.Prune(ctx, store.PruneQuery{Before: time.Now().AddDate(1000, 0, 0)})
				return err
			}
		}},
	}
}
