package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func brokenMoves() []broken {
	records, amends := "no reader sees a part of a Record or DeleteBatch", "Auditor: no reader sees a part of an Amend"
	return []broken{
		{"records in two steps", records, "events while the first day has", func(p *patched) {
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				if len(c) < 2 {
					return p.Store.Record(ctx, id, c)
				}
				err := p.Store.Record(ctx, id, c[:len(c)/2])
				letReadersRun()
				return errors.Join(err, p.Store.Amend(ctx, id, c))
			}
		}},
		{"records the groups after the totals", records, "lack", func(p *patched) {
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				totals := slices.DeleteFunc(metrics.Merge(c), func(d metrics.DayCount) bool { return d.Group != "" })
				err := p.Store.Record(ctx, id, totals)
				letReadersRun()
				return errors.Join(err, p.Store.Amend(ctx, id, c))
			}
		}},
		{"amends in two steps", amends, "want 3 for each of 1 to 1 batches", func(p *patched) {
			p.amend = func(ctx context.Context, id string, c metrics.Contribution) error {
				err := p.Store.Amend(ctx, id, nil)
				letReadersRun()
				return errors.Join(err, p.Store.Amend(ctx, id, c))
			}
		}},
		{"records a batch that is pruned meanwhile", "nothing remains when Prune races Record", "concurrent with Record", recordRemoved},
	}
}

// letReadersRun gives other goroutines the time of a few reads.
func letReadersRun() { time.Sleep(2 * time.Millisecond) }

func brokenChanges() []broken {
	changes, amend, removals := "each change survives the process that is lost right after", "Auditor: an Amend survives the process that is lost right after", "Retainer: each removal survives the process that is lost right after"
	return []broken{
		{"leaves the connection of a lost process open", "Harness.Reopen cuts the old handle off", "the old handle committed after Reopen", func(p *patched) {
			p.reopen = func() store.Store { return patchedOn(p.Store) }
		}},
		{"keeps unlogged tables", changes, "after Commit and the loss of the process", func(p *patched) {
			p.reopen = func() store.Store { return patchedOn(memstore.New()) }
		}},
		{"writes the status later", changes, "after SetStatus and the loss of the process", func(p *patched) {
			p.setStatus = func(context.Context, string, []store.Status, store.Status, string) error { return nil }
		}},
		{"writes the ledger later", changes, "after Record and the loss of the process", func(p *patched) {
			p.record = func(context.Context, string, metrics.Contribution) error { return nil }
		}},
		{"deletes later", changes, "after DeleteBatch and the loss of the process", func(p *patched) {
			p.deleteBatch = func(context.Context, string) error { return nil }
		}},
		{"prunes later", changes, "after Prune and the loss of the process", func(p *patched) {
			p.prune = func(context.Context, store.PruneQuery) (store.Pruned, error) { return store.Pruned{}, nil }
		}},
		{"amends later", amend, "after Amend and the loss of the process", func(p *patched) {
			p.amend = func(context.Context, string, metrics.Contribution) error { return nil }
		}},
		{"replaces later", removals, "after ReplaceAttachment and the loss of the process", func(p *patched) {
			p.replace = func(context.Context, string, string, iter.Seq2[[]byte, error]) error { return nil }
		}},
		{"erases later", removals, "after Erase and the loss of the process", func(p *patched) {
			p.erase = func(context.Context, string, store.Erasure) (int64, error) { return 2, nil }
		}},
		{"purges later", removals, "after PurgeEvents and the loss of the process", func(p *patched) {
			p.purge = func(context.Context, string) error { return nil }
			p.archive = func(context.Context, string) error { return nil }
		}},
		{"archives later", removals, "after Archive and the loss of the process", func(p *patched) {
			p.archive = func(context.Context, string) error { return nil }
		}},
	}
}

func brokenPowers() []broken {
	// Each of them syncs to the disk later than it should.
	asBefore := func(p *patched) {
		p.powerCut = func() *patched { return patchedOn(memstore.New()) }
	}
	neverSyncs := func(change func(p *patched)) func(p *patched) {
		return func(p *patched) {
			p.powerCut = func() *patched {
				again := p.reopened().(*patched)
				change(again)
				return again
			}
		}
	}
	return []broken{
		{"does not sync a commit", "each change survives a loss of power right after", "after Commit and the loss of power", asBefore},
		{"does not sync an amend", "Auditor: an Amend survives a loss of power right after", "after Amend and the loss of power", neverSyncs(func(p *patched) {
			p.dayCounts = func(context.Context, metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				return func(func(metrics.DayCount, error) bool) {}
			}
		})},
		{"does not sync a key", "Deduper: a TakeKey survives a loss of power right after", "after TakeKey and the loss of power", neverSyncs(func(p *patched) {
			p.batchOfKey = func(context.Context, string, time.Time) (store.Batch, error) { return store.Batch{}, store.ErrNotFound }
		})},
		{"does not sync a replaced attachment", "Retainer: each removal survives a loss of power right after", "after ReplaceAttachment and the loss of power", neverSyncs(func(p *patched) {
			p.attachment = func(context.Context, string, string) iter.Seq2[[]byte, error] {
				return func(func([]byte, error) bool) {}
			}
		})},
	}
}

func brokenPairs() []broken {
	two := func(name string) string { return "two processes: " + name }
	return []broken{
		{"reads the uploads of another process", two("a batch is invisible before Commit"), "Batch before Commit", func(p *patched) {
			p.batch = orElse(p.Store.Batch, func(id string) store.Batch { return store.Batch{ID: id} })
		}},
		{"caches the sums of days in each process", two("the daily metrics are the sum of the ledger"), "random steps", cacheDayCounts},
		{"caches the sums of days while others change them", two("the daily metrics are the sum of the ledger after concurrent changes"), "random steps", func(p *patched) {
			cacheDayCounts(p)
			drain := p.dayCounts(context.Background(), metrics.AllParts())
			for range drain {
			}
		}},
		{"records in two steps that another process sees", two("no reader sees a part of a Record or DeleteBatch"), "events while the first day has", brokenMoves()[0].patch},
		{"locks statuses in its process", two("one of many concurrent SetStatus wins"), "concurrent moves from uploaded to queued succeeded", func(p *patched) {
			var mu sync.Mutex
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
				mu.Lock()
				defer mu.Unlock()
				b, err := p.Store.Batch(ctx, id)
				letReadersRun()
				if err != nil || !slices.Contains(from, b.Status) {
					return errors.Join(err, store.ErrConflict)
				}
				return p.Store.SetStatus(ctx, id, store.Statuses(), to, cause)
			}
		}},
		{"locks the ledger in its process", two("the first of many concurrent Records wins whole"), "none of the contributions as a whole", func(p *patched) {
			var mu sync.Mutex
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				mu.Lock()
				defer mu.Unlock()
				_, err := p.Store.Contribution(ctx, id)
				letReadersRun()
				if err == nil {
					return nil
				}
				before, _ := p.Store.Contribution(ctx, id)
				return errors.Join(p.Store.Record(ctx, id, nil), p.Store.Amend(ctx, id, metrics.Merge(before, c)))
			}
		}},
		{"locks idempotency keys in its process", two("one of many concurrent commits gets the idempotency key"), "concurrent commits with one key succeeded", func(p *patched) {
			var mu sync.Mutex
			p.editCommits(func(_ *patchedWriter, commit commitFunc) commitFunc {
				return func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					mu.Lock()
					defer mu.Unlock()
					_, err := p.firstOf(ctx, func(other *store.Batch) bool { return other.IdempotencyKey == b.IdempotencyKey })
					letReadersRun()
					if err == nil {
						return b, store.ErrKeyTaken
					}
					b.KeyExpires = b.Created // which the sound store accepts
					return commit(ctx, b, pending)
				}
			})
		}},
		{"knows the further keys of its own process", two("Deduper: one of many concurrent commits and TakeKeys gets the idempotency key"), "TakeKeys with one key succeeded", func(p *patched) {
			var mine sync.Map
			p.takeKey = func(ctx context.Context, id, key string, _, now time.Time) error {
				if _, taken := mine.LoadOrStore(key, true); taken {
					return store.ErrKeyTaken
				}
				late := now.AddDate(1000, 0, 0)
				return p.Store.TakeKey(ctx, id, key, late, late) // which the sound store gives to all
			}
		}},
		{"records what another process deletes", two("nothing remains when DeleteBatch races Record"), "concurrent with Record", recordRemoved},
		{"prunes what another process has just committed", two("Prune takes an unfinished upload whole or not at all"), "concurrent with Prune", func(p *patched) {
			var pruned atomic.Bool
			p.prune = func(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
				pruned.Store(true)
				return p.Store.Prune(ctx, q)
			}
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				if pruned.Load() && p.exists(ctx, id) {
					return yieldAll[metrics.Event](nil)
				}
				return p.Store.Events(ctx, id)
			}
		}},
		{"gives a fingerprint to a Writer in each process", two("one of several Writers gets a fingerprint"), "a fingerprint was given to", func(p *patched) {
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				_, err := p.Store.Claim(ctx, id, fps)
				return make([]string, len(fps)), ignore(store.ErrClaimed, err)
			}
		}},
	}
}

func (p *patched) exists(ctx context.Context, id string) bool {
	_, err := p.Store.Batch(ctx, id)
	return err == nil
}

// cacheDayCounts answers all queries after the first as the first.
func cacheDayCounts(p *patched) {
	var mu sync.Mutex
	var cached map[bool][]metrics.DayCount
	p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
		return func(yield func(metrics.DayCount, error) bool) {
			mu.Lock()
			if cached == nil {
				cached = map[bool][]metrics.DayCount{}
			}
			answer, ok := cached[q.Groups]
			if !ok {
				for d := range p.Store.DayCounts(ctx, q) {
					answer = append(answer, d)
				}
				cached[q.Groups] = answer
			}
			mu.Unlock()
			for _, d := range answer {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

func brokenTimes() []broken {
	filter, old, left, live := "Batches filters as BatchQuery.Match does", "Prune removes old uploaded batches and no others", "Prune removes old unfinished uploads", "Prune keeps the upload of a Writer that wrote recently"
	return []broken{
		{"cuts UpdatedBefore to the millisecond", filter, "UpdatedBefore", func(p *patched) {
			p.editQuery(func(q *store.BatchQuery) { q.UpdatedBefore = q.UpdatedBefore.Truncate(time.Millisecond) })
		}},
		{"cuts the limit of Prune to the millisecond", old, "want {Batches:1 Events:1 Unfinished:0}, got {Batches:0", func(p *patched) {
			p.editPrune(func(q *store.PruneQuery) { q.Before = q.Before.Truncate(time.Millisecond) }, func(*store.Pruned) {})
		}},
		{"keeps an unfinished upload for a minute more", left, "Unfinished:0", func(p *patched) {
			p.editPrune(func(q *store.PruneQuery) { q.Before = q.Before.Add(-time.Minute) }, func(*store.Pruned) {})
		}},
		{"takes Writers for idle five minutes too soon", live, "Unfinished:1", func(p *patched) {
			p.editPrune(func(q *store.PruneQuery) { q.Before = q.Before.Add(5 * time.Minute) }, func(*store.Pruned) {})
		}},
		{"keeps Updated when the status stays the same", "SetStatus moves a batch and sets LastError and Updated", "Updated after SetStatus from processing to processing", func(p *patched) {
			var kept time.Time
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
				if b, err := p.Store.Batch(ctx, id); err == nil && b.Status == to {
					kept = b.Updated
				} else {
					kept = time.Time{}
				}
				return p.Store.SetStatus(ctx, id, from, to, cause)
			}
			p.editBatch(func(b *store.Batch) {
				if !kept.IsZero() {
					b.Updated = kept
				}
			})
		}},
		{"sets Updated to the second", "SetStatus moves a batch and sets LastError and Updated", "Updated after SetStatus", func(p *patched) {
			p.editBatch(func(b *store.Batch) { b.Updated = b.Updated.Truncate(time.Second) })
		}},
		{"holds on to the context of Write", "a Writer goes on when the context of an earlier call has ended", "a context of its own", func(p *patched) {
			p.editWriter(func(_ string, w *patchedWriter) {
				write, commit := w.write, w.commit
				var last context.Context
				w.write = func(ctx context.Context, events []metrics.Event) error {
					last = ctx
					return write(ctx, events)
				}
				w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					if err := last.Err(); err != nil {
						return store.Batch{}, err
					}
					return commit(ctx, b, pending)
				}
			})
		}},
	}
}
