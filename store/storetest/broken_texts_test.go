package storetest_test

import (
	"context"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

func brokenCharacters() []broken {
	keeps, apart, none := "strings of all characters are kept byte for byte", "strings that look alike are different", "an id of any characters that is no batch is not found"
	return []broken{
		{"drops control characters of file names", keeps, "FileName of a batch", func(p *patched) {
			p.editBatch(func(b *store.Batch) { b.FileName = strings.ReplaceAll(b.FileName, "\x01", "") })
		}},
		{"cuts long errors", keeps, "LastError of a batch", func(p *patched) {
			p.editBatch(func(b *store.Batch) { b.LastError = b.LastError[:min(2000, len(b.LastError))] })
		}},
		{"compares keys without their case", apart, "BatchOfKey of keys that look alike", func(p *patched) {
			p.batchOfKey = func(ctx context.Context, key string, _ time.Time) (store.Batch, error) {
				return p.firstOf(ctx, func(b *store.Batch) bool { return strings.EqualFold(b.IdempotencyKey, key) })
			}
		}},
		{"fails with an id that it cannot read", none, "Batch of", func(p *patched) {
			p.batch = func(ctx context.Context, id string) (store.Batch, error) {
				if len(id) != 36 {
					return store.Batch{}, store.ErrUnavailable
				}
				return p.Store.Batch(ctx, id)
			}
		}},
	}
}
