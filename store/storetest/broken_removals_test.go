package storetest_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenRemovals() []broken { return slices.Concat(brokenDeletes(), brokenGhosts(), brokenPrunes()) }

func brokenDeletes() []broken {
	removes := "DeleteBatch removes all of a batch and nothing else"
	return []broken{
		{"leaves the contribution", removes, "DayCounts after DeleteBatch", func(p *patched) {
			editDeletes(p, func(g *ghosts, id string, c metrics.Contribution) { g.add(id, c) })
		}},
		{"leaves the attachments", removes, "Attachment after DeleteBatch", func(p *patched) {
			p.attachment = func(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
				return func(yield func([]byte, error) bool) {
					for chunk, err := range p.Store.Attachment(ctx, id, name) {
						if errors.Is(err, store.ErrNotFound) {
							chunk, err = []byte("row 3"), nil
						}
						if !yield(chunk, err) {
							return
						}
					}
				}
			}
		}},
		{"leaves the batch in the list", removes, "lists the batch", func(p *patched) {
			var deleted []store.Batch
			p.deleteBatch = func(ctx context.Context, id string) error {
				deleted = append(deleted, store.Batch{ID: id})
				return p.Store.DeleteBatch(ctx, id)
			}
			p.editList(func([]store.Batch, store.BatchQuery) {})
			list := p.batches
			p.batches = func(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
				page, err := list(ctx, q)
				return append(page, deleted...), err
			}
		}},
		{"deletes the next batch, too", removes, "batch not found", func(p *patched) {
			p.deleteBatch = func(ctx context.Context, id string) error {
				page, _ := p.Store.Batches(ctx, store.BatchQuery{After: id, Limit: 1})
				next, _ := p.Store.Batches(ctx, store.BatchQuery{Limit: 1})
				for _, b := range append(page, next...) {
					_ = p.Store.DeleteBatch(ctx, b.ID)
				}
				return p.Store.DeleteBatch(ctx, id)
			}
		}},
	}
}

func brokenGhosts() []broken {
	unknown, race := "DeleteBatch of an unknown batch is ErrNotFound", "nothing remains when DeleteBatch races Record"
	return []broken{
		{"deletes an unknown batch", unknown, "DeleteBatch: got error <nil>", func(p *patched) {
			p.deleteBatch = func(ctx context.Context, id string) error {
				return ignore(store.ErrNotFound, p.Store.DeleteBatch(ctx, id))
			}
		}},
		{"has an error of its own for a second DeleteBatch", unknown, "DeleteBatch again", func(p *patched) {
			deleted := map[string]bool{}
			p.deleteBatch = func(ctx context.Context, id string) error {
				if deleted[id] {
					return errors.New("is a ghost")
				}
				err := p.Store.DeleteBatch(ctx, id)
				deleted[id] = err == nil
				return err
			}
		}},
		{"records a batch that is deleted meanwhile", race, "concurrent with Record", recordRemoved},
	}
}

// recordRemoved records a batch that is removed during Record.
func recordRemoved(p *patched) {
	g := haunt(p)
	p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
		if _, err := p.Store.Batch(ctx, id); err != nil {
			return err
		}
		if p.deletedSoon(ctx, id) {
			g.add(id, c)
			return nil
		}
		return p.Store.Record(ctx, id, c)
	}
}

func brokenPrunes() []broken {
	old, dry := "Prune removes old uploaded batches and no others", "Prune counts without removing in a dry run"
	left, live := "Prune removes old unfinished uploads", "Prune keeps the upload of a Writer that wrote recently"
	return []broken{
		{"prunes queued batches", old, "queued", pruneStatus(store.Queued)},
		{"prunes processing batches", old, "processing", pruneStatus(store.Processing)},
		{"prunes failed batches", old, "failed", pruneStatus(store.Failed)},
		{"prunes completed batches", old, "completed", pruneStatus(store.Completed)},
		{"prunes up to Before, included", old, "want {Batches:2 Events:17 Unfinished:0}, got {Batches:3", func(p *patched) {
			p.editPrune(func(q *store.PruneQuery) { q.Before = q.Before.Add(time.Millisecond) }, func(*store.Pruned) {})
		}},
		{"does not count pruned events", old, "got {Batches:2 Events:0", func(p *patched) {
			p.editPrune(func(*store.PruneQuery) {}, func(r *store.Pruned) { r.Events = 0 })
		}},
		{"counts erased events", "Prune counts no events that were erased", "want {Batches:1 Events:8 Unfinished:0}, got {Batches:1 Events:10 ", func(p *patched) {
			p.prune = func(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
				all, err := p.Store.Batches(ctx, store.BatchQuery{})
				if err != nil {
					return store.Pruned{}, err
				}
				got, err := p.Store.Prune(ctx, q)
				for i := range all {
					got.Events += all[i].Erased
				}
				return got, err
			}
		}},
		{"counts and does not prune", old, "Batch after Prune: got error <nil>", func(p *patched) {
			p.editPrune(func(q *store.PruneQuery) { q.DryRun = true }, func(*store.Pruned) {})
		}},
		{"removes in a dry run", dry, "got {Batches:0", func(p *patched) {
			p.editPrune(func(q *store.PruneQuery) { q.DryRun = false }, func(*store.Pruned) {})
		}},
		{"removes unfinished uploads in a dry run", dry, "Commit after a dry run", func(p *patched) {
			p.prune = func(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
				counted, err := p.Store.Prune(ctx, q)
				if q.DryRun && counted.Unfinished > 0 {
					_, err = p.Store.Prune(ctx, store.PruneQuery{Before: q.Before})
				}
				return counted, err
			}
		}},
		{"does not count unfinished uploads", left, "want {Batches:0 Events:0 Unfinished:1}, got {Batches:0 Events:0 Unfinished:0}", func(p *patched) {
			p.editPrune(func(*store.PruneQuery) {}, func(r *store.Pruned) { r.Unfinished = 0 })
		}},
		{"commits what was pruned", left, "Commit after Prune: got error <nil>", func(p *patched) {
			p.writer = func(_ context.Context, id string, w *patchedWriter) error {
				commit := w.commit
				w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					got, err := commit(ctx, b, pending)
					if !errors.Is(err, store.ErrNotFound) {
						return got, err
					}
					again, err := p.Store.Begin(ctx, id)
					if err != nil {
						return b, err
					}
					return again.Commit(ctx, b, nil)
				}
				return nil
			}
		}},
		{"prunes what was written lately", live, "Unfinished:1", func(p *patched) {
			p.editPrune(func(q *store.PruneQuery) { q.Before = time.Now().Add(time.Hour) }, func(*store.Pruned) {})
		}},
		{"removes the events of an unfinished upload that is committed meanwhile", "Prune takes an unfinished upload whole or not at all", "Events of a batch that was committed concurrent with Prune", pruneEventsLate},
		{"looks for uploaded batches first and removes then", "Prune never removes a batch that was queued meanwhile", "Batch: ", pruneWithoutLock},
	}
}

// editPrune changes what Prune is asked and what it answers.
func (p *patched) editPrune(ask func(q *store.PruneQuery), answer func(r *store.Pruned)) {
	p.prune = func(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
		ask(&q)
		r, err := p.Store.Prune(ctx, q)
		answer(&r)
		return r, err
	}
}

// pruneStatus prunes batches of another status, too.
func pruneStatus(status store.Status) func(p *patched) {
	return func(p *patched) {
		p.prune = func(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
			page, err := p.Store.Batches(ctx, store.BatchQuery{Statuses: []store.Status{status}})
			for _, b := range page {
				if b.Created.Before(q.Before) {
					err = errors.Join(err, p.Store.DeleteBatch(ctx, b.ID))
				}
			}
			r, pruneErr := p.Store.Prune(ctx, q)
			return r, errors.Join(err, pruneErr)
		}
	}
}

func pruneWithoutLock(p *patched) {
	var moved atomic.Int64
	p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
		spin(func() bool { return moved.Load() < 0 }) // until Prune has looked
		err := p.Store.SetStatus(ctx, id, from, to, cause)
		moved.Add(1)
		return err
	}
	p.prune = func(ctx context.Context, _ store.PruneQuery) (store.Pruned, error) {
		page, err := p.Store.Batches(ctx, store.BatchQuery{Statuses: []store.Status{store.Uploaded}})
		moved.Store(-1 << 32)
		spin(func() bool { return moved.Load() > -1<<32 })
		moved.Store(0)
		for _, b := range page {
			err = errors.Join(err, p.Store.DeleteBatch(ctx, b.ID))
		}
		return store.Pruned{}, err
	}
}

// pruneEventsLate removes the events of what was an unfinished upload when it looked.
func pruneEventsLate(p *patched) {
	var mu sync.Mutex
	begun, pruned, committed := map[string]bool{}, map[string]bool{}, 0
	p.writer = func(_ context.Context, id string, w *patchedWriter) error {
		mu.Lock()
		defer mu.Unlock()
		begun[id] = true
		commit := w.commit
		w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
			mu.Lock()
			defer mu.Unlock()
			delete(begun, id)
			committed++
			return commit(ctx, b, pending)
		}
		return nil
	}
	p.prune = func(context.Context, store.PruneQuery) (store.Pruned, error) {
		mu.Lock()
		before := committed
		maps.Copy(pruned, begun)
		mu.Unlock()
		spin(func() bool {
			mu.Lock()
			defer mu.Unlock()
			return committed > before
		})
		return store.Pruned{}, nil
	}
	p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
		mu.Lock()
		defer mu.Unlock()
		if pruned[id] {
			return yieldAll[metrics.Event](nil)
		}
		return p.Store.Events(ctx, id)
	}
}
