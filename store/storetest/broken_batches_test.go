package storetest_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenBatches() []broken {
	return slices.Concat(brokenCommits(), brokenLists())
}

// editCommit changes what Commit is given and what it returns.
func (p *patched) editCommit(asked, answer func(b *store.Batch)) {
	p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
		commit := w.commit
		w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
			asked(&b)
			b, err := commit(ctx, b, pending)
			answer(&b)
			return b, err
		}
		return nil
	}
}

func unchanged(*store.Batch) {}

func brokenCommits() []broken {
	keeps, rest, times := "Commit keeps what it takes", "Commit sets the other fields itself", "times of a batch are UTC to the millisecond"
	return []broken{
		{"loses the digest", keeps, "SHA256: want", func(p *patched) {
			p.editCommit(func(b *store.Batch) { b.SHA256 = "" }, unchanged)
		}},
		{"loses the number of rejected rows", keeps, "RejectedRows: want 12, got 0", func(p *patched) {
			p.editCommit(func(b *store.Batch) { b.RejectedRows = 0 }, unchanged)
		}},
		{"counts no duplicates", keeps, "DuplicateRows: want", func(p *patched) {
			p.editCommit(func(b *store.Batch) { b.DuplicateRows = 0 }, unchanged)
		}},
		{"loses what a batch repairs", keeps, `RepairOf: want "0195`, func(p *patched) {
			p.editCommit(func(b *store.Batch) { b.RepairOf = "" }, unchanged)
		}},
		{"keeps file names in ASCII", keeps, "FileName: want", func(p *patched) {
			p.editCommit(func(b *store.Batch) { b.FileName = strings.ToValidUTF8(strings.ReplaceAll(b.FileName, "ä", "a"), "") }, unchanged)
		}},
		{"answers other than Batch does", keeps, "Batch, compared with the answer", func(p *patched) {
			p.editBatch(func(b *store.Batch) { b.RejectedRows = 0 })
		}},
		{"lists a part of each batch", keeps, "Batches, compared with the answer", func(p *patched) {
			p.batches = func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
				page, err := p.Store.Batches(ctx, q)
				for i := range page {
					page[i].IdempotencyKey = ""
				}
				return page, err
			}
		}},
		{"believes the caller's number of events", rest, "AcceptedRows: want 5, got 99", func(p *patched) {
			var told int64
			p.editCommit(func(b *store.Batch) { told = b.AcceptedRows }, func(b *store.Batch) { b.AcceptedRows = told })
		}},
		{"believes the caller's status", rest, "Status: want", func(p *patched) {
			var told store.Status
			p.editCommit(func(b *store.Batch) { told = b.Status }, func(b *store.Batch) { b.Status = told })
		}},
		{"believes the caller's Updated", rest, "Updated after Commit is 2005", func(p *patched) {
			var told time.Time
			p.editCommit(func(b *store.Batch) { told = b.Updated }, func(b *store.Batch) { b.Updated = told })
		}},
		{"rounds times", times, "Created: want 2025-03-01T06:15:00.123 UTC, got 2025-03-01T06:15:00.124 UTC", func(p *patched) {
			p.editCommit(func(b *store.Batch) { b.Created = b.Created.Round(time.Millisecond) }, unchanged)
		}},
		{"keeps the caller's zone", times, "Created: want", func(p *patched) {
			p.editBatch(func(b *store.Batch) { b.Created = b.Created.In(time.FixedZone("there", 3600)) })
		}},
		{"takes no time for 1970", times, "KeyExpires is 1970", func(p *patched) {
			p.editBatch(func(b *store.Batch) {
				if b.KeyExpires.IsZero() {
					b.KeyExpires = time.Unix(0, 0).UTC()
				}
			})
		}},
	}
}

func brokenLists() []broken {
	counts := "CountBatches counts the batches of each status, up to a limit"
	limit, pages, filter := "Batches has a default and a greatest Limit", "pages neither repeat nor lose a batch", "Batches filters as BatchQuery.Match does"
	return []broken{
		{"lists the oldest first", "Batches lists the newest first", "Batches of all", func(p *patched) {
			p.editList(func(all []store.Batch, _ store.BatchQuery) { slices.Reverse(all) })
		}},
		{"lists by time of creation", "Batches lists the newest first", "Batches of all", func(p *patched) {
			p.editList(func(all []store.Batch, _ store.BatchQuery) {
				slices.SortFunc(all, func(a, b store.Batch) int { return b.Created.Compare(a.Created) })
			})
		}},
		{"takes no Limit for no limit", limit, "with Limit 0", func(p *patched) {
			p.editQuery(func(q *store.BatchQuery) {
				if q.Limit == 0 {
					q.Limit = store.MaxLimit
				}
			})
		}},
		{"has a smaller MaxLimit", limit, "with Limit 1000", func(p *patched) {
			p.editQuery(func(q *store.BatchQuery) { q.Limit = min(q.Limit, 300) })
		}},
		{"has no MaxLimit", limit, "with Limit 1001: got 1001 of 1001, want 1000", func(p *patched) {
			p.batches = func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
				page, err := p.Store.Batches(ctx, q)
				if q.Limit <= store.MaxLimit || len(page) == 0 {
					return page, err
				}
				rest, err := p.Store.Batches(ctx, store.BatchQuery{After: page[len(page)-1].ID})
				return append(page, rest...), err
			}
		}},
		{"repeats the last batch of a page", pages, "page by page", func(p *patched) {
			p.editQuery(func(q *store.BatchQuery) {
				if q.After != "" {
					q.After += "0" // the least string above it
				}
			})
		}},
		{"counts pages by offset", pages, "page by page", pagesByOffset},
		{"includes UpdatedBefore", filter, "UpdatedBefore", func(p *patched) {
			p.editQuery(func(q *store.BatchQuery) {
				if !q.UpdatedBefore.IsZero() {
					q.UpdatedBefore = q.UpdatedBefore.Add(time.Millisecond)
				}
			})
		}},
		{"ignores what a batch repairs", filter, "RepairOf:batch", func(p *patched) {
			p.editQuery(func(q *store.BatchQuery) { q.RepairOf = "" })
		}},
		{"finds repairs of repairs too", "repairs are found by what they repair", "Batches that repair the first:", repairsOfRepairs},
		{"deletes repairs with what they repair", "a repair outlives what it repairs", "batch not found", func(p *patched) {
			p.deleteBatch = func(ctx context.Context, id string) error {
				repairs, err := p.Store.Batches(ctx, store.BatchQuery{RepairOf: id})
				for i := range repairs {
					err = errors.Join(err, p.Store.DeleteBatch(ctx, repairs[i].ID))
				}
				return errors.Join(err, p.Store.DeleteBatch(ctx, id))
			}
		}},
		{"counts batches without a limit", counts, "with limit 1:", func(p *patched) {
			p.countBatches = func(ctx context.Context, _ int64) (map[store.Status]int64, error) {
				return p.Store.CountBatches(ctx, 1<<30)
			}
		}},
		{"counts up to one less than the limit", counts, "with limit 5: 4 are", func(p *patched) {
			p.countBatches = func(ctx context.Context, limit int64) (map[store.Status]int64, error) {
				return p.Store.CountBatches(ctx, max(1, limit-1))
			}
		}},
		{"leaves out a status that no batch has", counts, "with limit 1: 0 are", func(p *patched) {
			p.countBatches = func(ctx context.Context, limit int64) (map[store.Status]int64, error) {
				counts, err := p.Store.CountBatches(ctx, limit)
				maps.DeleteFunc(counts, func(_ store.Status, n int64) bool { return n == 0 })
				return counts, err
			}
		}},
		{"counts deleted batches", counts, "as there are", countsDeleted},
		{"counts what it has counted before", counts, "as there are", func(p *patched) {
			var before map[store.Status]int64
			p.countBatches = func(ctx context.Context, limit int64) (_ map[store.Status]int64, err error) {
				if before == nil {
					before, err = p.Store.CountBatches(ctx, limit)
				}
				return maps.Clone(before), err
			}
		}},
		{"filters by one status", filter, "Statuses:[", func(p *patched) {
			p.editQuery(func(q *store.BatchQuery) { q.Statuses = q.Statuses[:min(1, len(q.Statuses))] })
		}},
		{"filters after it has cut off at Limit", filter, "Limit:", func(p *patched) {
			p.batches = func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
				page, err := p.Store.Batches(ctx, store.BatchQuery{Limit: q.Limit, After: q.After})
				return slices.DeleteFunc(page, func(b store.Batch) bool { return !q.Match(&b) }), err
			}
		}},
		{"hands out its own slice", "the slice that Batches returns belongs to the caller", "written over", func(p *patched) {
			var cached []store.Batch
			p.batches = func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
				if cached != nil {
					return cached, nil
				}
				var err error
				cached, err = p.Store.Batches(ctx, q)
				return cached, err
			}
		}},
	}
}

// editQuery changes what Batches is asked.
func (p *patched) editQuery(edit func(q *store.BatchQuery)) {
	p.batches = func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
		edit(&q)
		return p.Store.Batches(ctx, q)
	}
}

// editList changes all batches before the page is cut out.
func (p *patched) editList(edit func(all []store.Batch, q store.BatchQuery)) {
	p.batches = func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
		all, err := p.Store.Batches(ctx, store.BatchQuery{Limit: store.MaxLimit})
		all = slices.DeleteFunc(all, func(b store.Batch) bool { return !q.Match(&b) })
		edit(all, q)
		return all[:min(len(all), q.Size())], err
	}
}

func repairsOfRepairs(p *patched) {
	p.batches = func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
		page, err := p.Store.Batches(ctx, q)
		for i := 0; q.RepairOf != "" && i < len(page); i++ {
			more, err := p.Store.Batches(ctx, store.BatchQuery{RepairOf: page[i].ID})
			if page = append(page, more...); err != nil {
				return nil, err
			}
		}
		return page, err
	}
}

// countsDeleted still counts a deleted batch as uploaded.
func countsDeleted(p *patched) {
	deleted := int64(0)
	p.deleteBatch = func(ctx context.Context, id string) error {
		deleted++
		return p.Store.DeleteBatch(ctx, id)
	}
	p.countBatches = func(ctx context.Context, limit int64) (map[store.Status]int64, error) {
		counts, err := p.Store.CountBatches(ctx, limit)
		if counts != nil {
			counts[store.Uploaded] = min(counts[store.Uploaded]+deleted, limit)
		}
		return counts, err
	}
}

func pagesByOffset(p *patched) {
	seen := 0
	p.batches = func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
		all, err := p.Store.Batches(ctx, store.BatchQuery{Limit: store.MaxLimit})
		if q.After == "" {
			seen = 0
		}
		page := all[min(seen, len(all)):min(seen+q.Size(), len(all))]
		seen += len(page)
		return page, err
	}
}

func brokenKeys() []broken {
	return []broken{
		{"lets two batches have a key", "an idempotency key is taken until it expires", "same key 0s later", func(p *patched) {
			p.editCommit(func(b *store.Batch) { b.KeyExpires = b.Created }, unchanged)
		}},
		{"ignores the case of keys", "an idempotency key is taken until it expires", "Commit: ", func(p *patched) {
			p.editCommit(func(b *store.Batch) { b.IdempotencyKey = strings.ToLower(b.IdempotencyKey) }, unchanged)
		}},
		{"never frees an expired key", "an expired idempotency key is free", "Commit number 1", func(p *patched) {
			takeKeys(p, func(string) bool { return true })
		}},
		{"frees a key a moment late", "an expired idempotency key is free", "Commit number 1", func(p *patched) {
			p.editCommit(func(b *store.Batch) { b.KeyExpires = b.KeyExpires.Add(time.Millisecond) }, unchanged)
		}},
		{"finds the first batch of a key", "an expired idempotency key is free", "BatchOfKey of a key that others have had", func(p *patched) {
			p.batchOfKey = func(ctx context.Context, key string, _ time.Time) (store.Batch, error) {
				return p.firstOf(ctx, func(b *store.Batch) bool { return b.IdempotencyKey == key })
			}
		}},
		{"finds a key that has expired", "an idempotency key is taken until it expires", "BatchOfKey 25h0m0s later", func(p *patched) {
			p.batchOfKey = func(ctx context.Context, key string, _ time.Time) (store.Batch, error) {
				return p.firstOf(ctx, func(b *store.Batch) bool { return b.IdempotencyKey == key })
			}
		}},
		{"finds a batch without a key", "no idempotency key is no key", "BatchOfKey of no key", func(p *patched) {
			p.batchOfKey = func(ctx context.Context, key string, _ time.Time) (store.Batch, error) {
				return p.firstOf(ctx, func(b *store.Batch) bool { return b.IdempotencyKey == key })
			}
		}},
		{"never frees the key of a removed batch", "the idempotency key of a removed batch is free", "idempotency key taken", func(p *patched) {
			takeKeys(p, func(string) bool { return true })
		}},
		{"takes no key for one", "no idempotency key is no key", "idempotency key taken", func(p *patched) {
			takeKeys(p, func(key string) bool { return key == "" })
		}},
		{"looks for the key first and commits then", "one of many concurrent commits gets the idempotency key", "concurrent commits with one key succeeded", func(p *patched) {
			var m meeting
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				commit := w.commit
				w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					_, err := p.firstOf(ctx, func(other *store.Batch) bool { return other.IdempotencyKey == b.IdempotencyKey })
					if m.wait(); err == nil {
						return b, store.ErrKeyTaken
					}
					b.KeyExpires = b.Created // which the sound store accepts
					return commit(ctx, b, pending)
				}
				return nil
			}
		}},
	}
}

// firstOf returns the first batch for which match holds. Errors: ErrNotFound.
func (p *patched) firstOf(ctx context.Context, match func(b *store.Batch) bool) (store.Batch, error) {
	all, err := p.Store.Batches(ctx, store.BatchQuery{Limit: store.MaxLimit})
	for i := range slices.Backward(all) {
		if match(&all[i]) {
			return all[i], nil
		}
	}
	return store.Batch{}, cmp.Or(err, store.ErrNotFound)
}

// takeKeys is a unique index over some keys from which nothing is removed.
func takeKeys(p *patched, indexed func(key string) bool) {
	taken := map[string]bool{}
	p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
		commit := w.commit
		w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
			if indexed(b.IdempotencyKey) && taken[b.IdempotencyKey] {
				return b, store.ErrKeyTaken
			}
			taken[b.IdempotencyKey] = true
			return commit(ctx, b, pending)
		}
		return nil
	}
}
