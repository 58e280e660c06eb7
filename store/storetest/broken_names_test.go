package storetest_test

import (
	"context"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

func brokenNames() []broken {
	names, free := "Retainer: EraseNames removes the names that are asked for", "Retainer: an idempotency key that was erased is free"
	scrub, left := "Retainer: Scrub changes nothing that can be read", "Retainer: after Scrub no byte is left of what was removed"
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
		{"keeps the erased key taken", free, "BatchOfKey of a key that was erased", func(p *patched) {
			p.eraseNames = func(ctx context.Context, id string, _ store.Names) error {
				return p.Store.EraseNames(ctx, id, store.Names{})
			}
		}},
		{"keeps an erased value in its notes", left, "what was removed of the batch \"parts\"", func(p *patched) {
			p.erase = func(ctx context.Context, id string, e store.Erasure) (int64, error) {
				p.remains = append(p.remains, e.Value...)
				return p.Store.Erase(ctx, id, e)
			}
		}},
		{"keeps a deleted batch in its log", left, "what was removed of the batch \"deleted\"", func(p *patched) {
			p.deleteBatch = func(ctx context.Context, id string) error {
				b, _ := p.Store.Batch(ctx, id)
				p.remains = append(p.remains, b.FileName...)
				return p.Store.DeleteBatch(ctx, id)
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
