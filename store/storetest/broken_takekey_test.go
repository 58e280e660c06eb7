package storetest_test

import (
	"context"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenTakeKeys() []broken {
	const (
		further = "Deduper: TakeKey gives a batch further idempotency keys"
		taken   = "Deduper: a key that a batch has is not given to another"
		expires = "Deduper: a further idempotency key expires"
		erased  = "Deduper: EraseNames frees further idempotency keys"
		listed  = "Deduper: Keys lists all keys of a batch"
		pruned  = "Deduper: Prune removes expired further keys"
		race    = "Deduper: one of many concurrent commits and TakeKeys gets the idempotency key"
	)
	return []broken{
		{"has one further key for each batch", further, "BatchOfKey of one of many further keys", func(p *patched) {
			p.forgetKeys(func(key string, last map[string]string) bool { return last[key[:3]] != key })
		}},
		{"moves Updated with a key", further, "Batch after TakeKey", func(p *patched) {
			p.editTakeKey(func(ctx context.Context, id string, err error) error {
				b, _ := p.Store.Batch(ctx, id)
				_ = p.Store.SetStatus(ctx, id, store.Statuses(), b.Status, "a key was taken")
				return err
			})
		}},
		{"says that it gives a key that is taken", taken, "TakeKey with the own key of a batch", func(p *patched) {
			p.editTakeKey(func(_ context.Context, _ string, err error) error { return ignore(store.ErrKeyTaken, err) })
		}},
		{"prolongs a key that is taken again", taken, "BatchOfKey after TakeKey was repeated", func(p *patched) {
			p.takeKey = func(ctx context.Context, id, key string, expires, now time.Time) error {
				if b, err := p.Store.BatchOfKey(ctx, key, now); err == nil && b.ID == id && b.IdempotencyKey != key {
					now = now.AddDate(1, 0, 0)
				}
				return p.Store.TakeKey(ctx, id, key, expires, now)
			}
		}},
		{"takes a key for a batch that is not there", taken, "TakeKey for an unknown batch", func(p *patched) {
			p.editTakeKey(func(_ context.Context, _ string, err error) error { return ignore(store.ErrNotFound, err) })
		}},
		{"keeps further keys permanently", expires, "BatchOfKey that has expired", func(p *patched) {
			p.takeKey = func(ctx context.Context, id, key string, expires, now time.Time) error {
				return p.Store.TakeKey(ctx, id, key, expires.AddDate(1000, 0, 0), now)
			}
		}},
		{"does not give a batch its own key again", expires, "with a key that its batch has taken again", func(p *patched) {
			p.takeKey = func(ctx context.Context, id, key string, expires, now time.Time) error {
				if b, err := p.Store.Batch(ctx, id); err == nil && b.IdempotencyKey == key {
					return nil
				}
				return p.Store.TakeKey(ctx, id, key, expires, now)
			}
		}},
		{"never frees the further keys of a removed batch", "Deduper: further idempotency keys go with their batch", "idempotency key taken", func(p *patched) {
			all := map[string]bool{}
			p.takeKey = func(ctx context.Context, id, key string, expires, now time.Time) error {
				all[key] = true
				return p.Store.TakeKey(ctx, id, key, expires, now)
			}
			p.editCommits(func(_ *patchedWriter, commit commitFunc) commitFunc {
				return func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					if all[b.IdempotencyKey] {
						return b, store.ErrKeyTaken
					}
					return commit(ctx, b, pending)
				}
			})
		}},
		{"erases the own key only", erased, "after the keys were erased", func(p *patched) {
			p.eraseNames = func(ctx context.Context, id string, names store.Names) error {
				keys, _ := p.Store.Keys(ctx, id)
				err := p.Store.EraseNames(ctx, id, names)
				for _, key := range keys {
					if key != "own" {
						_ = p.Store.TakeKey(ctx, id, key, time.Now(), time.Time{})
					}
				}
				return err
			}
		}},
		{"lists the own key only", listed, "Keys of a batch with further keys", func(p *patched) {
			p.keys = func(ctx context.Context, id string) ([]string, error) {
				b, err := p.Store.Batch(ctx, id)
				if b.IdempotencyKey == "" {
					return nil, err
				}
				return []string{b.IdempotencyKey}, err
			}
		}},
		{"lists no keys of a batch that is not there", listed, "Keys of an unknown batch", func(p *patched) {
			p.keys = func(ctx context.Context, id string) ([]string, error) {
				keys, _ := p.Store.Keys(ctx, id)
				return keys, nil
			}
		}},
		{"never prunes keys", pruned, "Keys after Prune: got", func(p *patched) {
			p.prune = func(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
				q.DryRun = true
				return p.Store.Prune(ctx, q)
			}
		}},
		{"prunes keys in a dry run", pruned, "Keys after Prune {", func(p *patched) {
			p.prune = func(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
				q.DryRun = false
				return p.Store.Prune(ctx, q)
			}
		}},
		{"looks for a key first and takes it then", race, "TakeKeys with one key succeeded", func(p *patched) {
			var m meeting
			var given sync.Map
			p.takeKey = func(ctx context.Context, id, key string, _, now time.Time) error {
				_, taken := given.Load(key)
				if m.wait(); taken {
					return store.ErrKeyTaken
				}
				given.Store(key, true)
				late := now.AddDate(1000, 0, 0)
				return p.Store.TakeKey(ctx, id, key, late, late) // which the sound store gives to all
			}
		}},
		{"loses further keys with the process", "Deduper: a TakeKey survives the process that is lost right after", "after TakeKey and the loss of the process", func(p *patched) {
			lost := false
			p.forgetKeys(func(string, map[string]string) bool { return lost })
			p.reopen = func() store.Store {
				lost = true
				return p
			}
		}},
	}
}

// editTakeKey changes the error of TakeKey.
func (p *patched) editTakeKey(edit func(ctx context.Context, id string, err error) error) {
	p.takeKey = func(ctx context.Context, id, key string, expires, now time.Time) error {
		return edit(ctx, id, p.Store.TakeKey(ctx, id, key, expires, now))
	}
}

// forgetKeys does not find those keys of TakeKey for which forgotten holds. Last
// has the last key by its first letters.
func (p *patched) forgetKeys(forgotten func(key string, last map[string]string) bool) {
	given, last := map[string]bool{}, map[string]string{}
	p.takeKey = func(ctx context.Context, id, key string, expires, now time.Time) error {
		given[key], last[key[:min(3, len(key))]] = true, key
		return p.Store.TakeKey(ctx, id, key, expires, now)
	}
	p.batchOfKey = func(ctx context.Context, key string, at time.Time) (store.Batch, error) {
		if given[key] && forgotten(key, last) {
			return store.Batch{}, store.ErrNotFound
		}
		return p.Store.BatchOfKey(ctx, key, at)
	}
}
