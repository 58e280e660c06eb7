package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func brokenIterators() []broken {
	return slices.Concat(brokenRanges(), brokenContexts(), brokenReopens())
}

func brokenRanges() []broken {
	again, open := "each range over an iterator runs the query again", "the store works while an iterator is open"
	return []broken{
		{"reads the events before the range", again, "batch not found", func(p *patched) {
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				return readAhead(p.Store.Events(ctx, id))
			}
		}},
		{"sums the ledger before the range", again, "DayCounts, made before", func(p *patched) {
			p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				return readAhead(p.Store.DayCounts(ctx, q))
			}
		}},
		{"ranges over the events once", again, "Events, made before", func(p *patched) {
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				used := false
				return func(yield func(metrics.Event, error) bool) {
					if !used {
						for e, err := range p.Store.Events(ctx, id) {
							used = err == nil
							if !yield(e, err) {
								return
							}
						}
					}
				}
			}
		}},
		{"goes on after an error", again, "the iterator went on after its error", func(p *patched) {
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				return func(yield func(metrics.Event, error) bool) {
					for e, err := range p.Store.Events(ctx, id) {
						if !yield(e, err) || err != nil && !yield(e, nil) {
							return
						}
					}
				}
			}
		}},
		{"keeps its connection on break", "an iterator releases its resources on break", "no connection left", keepConnections},
		{"locks the database while events are read", open, "database is locked", lockWhileReading},
	}
}

// readAhead ranges over seq now.
func readAhead[T any](seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	type result struct {
		v   T
		err error
	}
	var all []result
	for v, err := range seq {
		all = append(all, result{v, err})
	}
	return func(yield func(T, error) bool) {
		for _, r := range all {
			if !yield(r.v, r.err) {
				return
			}
		}
	}
}

func keepConnections(p *patched) {
	left := 100
	p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
		return func(yield func(metrics.DayCount, error) bool) {
			if left--; left < 0 {
				yield(metrics.DayCount{}, errors.New("no connection left"))
				return
			}
			for d, err := range p.Store.DayCounts(ctx, q) {
				if !yield(d, err) {
					return
				}
			}
			left++
		}
	}
}

func lockWhileReading(p *patched) {
	var locked atomic.Bool
	p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
		return func(yield func(metrics.Event, error) bool) {
			locked.Store(true)
			defer locked.Store(false)
			p.Store.Events(ctx, id)(yield)
		}
	}
	p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
		if locked.Load() {
			return errors.New("database is locked")
		}
		return p.Store.Record(ctx, id, c)
	}
}

func brokenContexts() []broken {
	ended, writer := "a method whose context has ended fails and does nothing", "a call of a Writer whose context has ended fails"
	forever := context.WithoutCancel
	return []broken{
		{"reads a batch whatever the context", ended, "Batch with a context that has ended", func(p *patched) {
			p.batch = func(ctx context.Context, id string) (store.Batch, error) { return p.Store.Batch(forever(ctx), id) }
		}},
		{"sums whatever the context", ended, "DayCounts with a context that has ended", func(p *patched) {
			p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				return p.Store.DayCounts(forever(ctx), q)
			}
		}},
		{"hides the context's error", ended, "SetStatus with a context that has ended: got error timeout", func(p *patched) {
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
				if ctx.Err() != nil {
					return errors.New("timeout")
				}
				return p.Store.SetStatus(ctx, id, from, to, cause)
			}
		}},
		{"moves a batch and says that it was cancelled", ended, "Batch after methods whose context had ended", func(p *patched) {
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
				return errors.Join(p.Store.SetStatus(forever(ctx), id, from, to, cause), ctx.Err())
			}
		}},
		{"amends and says that it was cancelled", ended, "DayCounts after methods whose context had ended", func(p *patched) {
			p.amend = func(ctx context.Context, id string, c metrics.Contribution) error {
				return errors.Join(p.Store.Amend(forever(ctx), id, c), ctx.Err())
			}
		}},
		{"commits whatever the context", writer, "Commit with a cancelled context", func(p *patched) {
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				commit := w.commit
				w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					return commit(forever(ctx), b, pending)
				}
				return nil
			}
		}},
		{"commits less after an error of Commit", writer, "Events after a second Commit", loseEventsOnRetry},
		{"writes whatever the context", writer, "Write with a cancelled context", func(p *patched) {
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				write := w.write
				w.write = func(ctx context.Context, events []metrics.Event) error { return write(forever(ctx), events) }
				return nil
			}
		}},
		{"attaches whatever the context", writer, "Attach with a cancelled context", func(p *patched) {
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				attach := w.attach
				w.attach = func(ctx context.Context, name string, chunk []byte) error { return attach(forever(ctx), name, chunk) }
				return nil
			}
		}},
		{"reads to the end whatever the context", "an iterator whose context ends stops", "still got all", func(p *patched) {
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				return p.Store.Events(forever(ctx), id)
			}
		}},
		{"ends without an error when the context ends", "an iterator whose context ends stops", "got error <nil>", func(p *patched) {
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				return func(yield func(metrics.Event, error) bool) {
					for e, err := range p.Store.Events(ctx, id) {
						if ctx.Err() != nil || !yield(e, err) {
							return
						}
					}
				}
			}
		}},
	}
}

// loseEventsOnRetry commits a batch without events when Commit is called
// again.
func loseEventsOnRetry(p *patched) {
	p.writer = func(ctx context.Context, id string, w *patchedWriter) error {
		commit, failed := w.commit, false
		var again store.Writer
		w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
			if failed {
				if again == nil {
					_ = w.abort(ctx)
					var err error
					if again, err = p.Store.Begin(ctx, id); err != nil {
						return b, err
					}
				}
				return again.Commit(ctx, b, nil)
			}
			b, err := commit(ctx, b, pending)
			failed = err != nil
			return b, err
		}
		return ctx.Err()
	}
}

func brokenReopens() []broken {
	ledger := "the ledger survives the process"
	return []broken{
		{"loses everything with the process", "what was committed survives the process", "batch not found", func(p *patched) {
			p.reopen = func() store.Store { return memstore.New() }
		}},
		{"loses the cause of a failure with the process", "what was committed survives the process", "LastError: want", func(p *patched) {
			p.reopen = func() store.Store {
				p.editBatch(func(b *store.Batch) { b.LastError = "" })
				return p
			}
		}},
		{"finds the unfinished upload after the process", "what was not committed is invisible after a lost process and can be pruned", "after the process was lost", commitOnReopen},
		{"never prunes what a lost process began", "what was not committed is invisible after a lost process and can be pruned", "want 1 or 2 unfinished uploads", func(p *patched) {
			p.editPrune(func(*store.PruneQuery) {}, func(r *store.Pruned) { r.Unfinished = 0 })
		}},
		{"loses which batches were recorded", ledger, "after Record again", func(p *patched) {
			p.reopen = func() store.Store {
				p.record = recordAgain(p, func(a, b metrics.Contribution) metrics.Contribution { return metrics.Merge(a, b) })
				return p
			}
		}},
		{"loses which batches were deleted", ledger, "Record deleted before", func(p *patched) {
			p.reopen = func() store.Store {
				p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
					return ignore(store.ErrNotFound, p.Store.Record(ctx, id, c))
				}
				return p
			}
		}},
	}
}

func commitOnReopen(p *patched) {
	var commits []func()
	p.writer = func(ctx context.Context, _ string, w *patchedWriter) error {
		commits = append(commits, func() { _, _ = w.commit(ctx, store.Batch{}, nil) })
		return nil
	}
	p.reopen = func() store.Store {
		for _, commit := range commits {
			commit()
		}
		return p
	}
}
