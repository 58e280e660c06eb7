package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenStatuses() []broken {
	moves := "SetStatus moves a batch and sets LastError and Updated"
	return []broken{
		{"loses the Cause", moves, "LastError: want", func(p *patched) {
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, _ string) error {
				return p.Store.SetStatus(ctx, id, from, to, "")
			}
		}},
		{"leaves Updated as it was", moves, "Updated after SetStatus", func(p *patched) {
			p.editBatch(func(b *store.Batch) { b.Updated = b.Created })
		}},
		{"refuses the status that the batch has", moves, "in another status", func(p *patched) {
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
				from = slices.DeleteFunc(slices.Clone(from), func(s store.Status) bool { return s == to })
				return p.Store.SetStatus(ctx, id, from, to, cause)
			}
		}},
		{"looks at the first of from only", moves, "in another status", func(p *patched) {
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
				return p.Store.SetStatus(ctx, id, from[:min(1, len(from))], to, cause)
			}
		}},
		{"ignores from", "SetStatus compares before it sets", "Batch after ErrConflict", func(p *patched) {
			p.setStatus = func(ctx context.Context, id string, _ []store.Status, to store.Status, cause string) error {
				return p.Store.SetStatus(ctx, id, store.Statuses(), to, cause)
			}
		}},
		{"takes no from for any", "SetStatus compares before it sets", "SetStatus of a batch that is uploaded", func(p *patched) {
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
				if len(from) == 0 {
					from = store.Statuses()
				}
				return p.Store.SetStatus(ctx, id, from, to, cause)
			}
		}},
		{"moves an unknown batch", "SetStatus of an unknown batch is ErrNotFound", "got error <nil>", func(p *patched) {
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
				return ignore(store.ErrNotFound, p.Store.SetStatus(ctx, id, from, to, cause))
			}
		}},
		{"compares first and sets then", "one of many concurrent SetStatus wins", "concurrent moves from uploaded to queued succeeded", func(p *patched) {
			var m meeting
			p.setStatus = func(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
				b, err := p.Store.Batch(ctx, id)
				if m.wait(); err != nil || !slices.Contains(from, b.Status) {
					return errors.Join(err, store.ErrConflict)
				}
				return p.Store.SetStatus(ctx, id, store.Statuses(), to, cause)
			}
		}},
	}
}

func brokenRecords() []broken {
	shows, once := "Record shows the whole contribution", "Record counts once"
	return []broken{
		{"records one type of each day", shows, "entries", func(p *patched) {
			editRecorded(p, func(c metrics.Contribution) metrics.Contribution {
				return slices.CompactFunc(c, func(a, b metrics.DayCount) bool { return a.Day == b.Day })
			})
		}},
		{"cannot have a dot in a type", shows, "a.b", func(p *patched) {
			editRecorded(p, func(c metrics.Contribution) metrics.Contribution {
				return slices.DeleteFunc(c, func(d metrics.DayCount) bool { return d.Type == "a.b" })
			})
		}},
		{"adds a repeated contribution", once, "after Record of the same again", func(p *patched) {
			p.record = recordAgain(p, func(a, b metrics.Contribution) metrics.Contribution { return metrics.Merge(a, b) })
		}},
		{"lets the last contribution win", once, "after Record of another contribution", func(p *patched) {
			p.record = recordAgain(p, func(_, b metrics.Contribution) metrics.Contribution { return b })
		}},
		{"refuses a repeated contribution", once, "already recorded", func(p *patched) {
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				if _, err := p.Store.Contribution(ctx, id); err == nil {
					return errors.New("already recorded")
				}
				return p.Store.Record(ctx, id, c)
			}
		}},
		{"loses an empty contribution", "an empty contribution is a contribution", "after Record of another contribution", func(p *patched) {
			p.record = recordAgain(p, func(a, b metrics.Contribution) metrics.Contribution {
				if len(a) == 0 {
					return b
				}
				return a
			})
		}},
	}
}

func brokenEffects() []broken {
	race := "the first of many concurrent Records wins whole"
	keeps := "Record does not change or keep the contribution"
	return []broken{
		{"looks for a contribution first and adds then", race, "none of the contributions as a whole", recordWithoutLock},
		{"completes the batch on Record", "Record does not change the status", "Status: want", func(p *patched) {
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				return errors.Join(p.Store.Record(ctx, id, c), p.Store.SetStatus(ctx, id, store.Statuses(), store.Completed, ""))
			}
		}},
		{"records an unknown batch", "Record of an unknown batch is ErrNotFound", "Record: got error <nil>", func(p *patched) {
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				return ignore(store.ErrNotFound, p.Store.Record(ctx, id, c))
			}
		}},
		{"brings a deleted batch back", "Record of a deleted batch is ErrNotFound", "after Record of a deleted batch", func(p *patched) {
			g := haunt(p)
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				err := p.Store.Record(ctx, id, c)
				if errors.Is(err, store.ErrNotFound) {
					g.add(id, c)
				}
				return err
			}
		}},
		{"keeps the contribution itself", keeps, "written over what it recorded", func(p *patched) {
			var kept []metrics.Contribution
			p.record = func(_ context.Context, _ string, c metrics.Contribution) error {
				kept = append(kept, c)
				return nil
			}
			p.dayCounts = func(context.Context, metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				return yieldAll[metrics.DayCount](metrics.Merge(kept...))
			}
		}},
		{"changes the contribution", keeps, "Record changed the contribution", func(p *patched) {
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				err := p.Store.Record(ctx, id, c)
				for i := range c {
					c[i].Subjects = nil
				}
				return err
			}
		}},
	}
}

func yieldAll[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// editRecorded changes what is recorded.
func editRecorded(p *patched, edit func(metrics.Contribution) metrics.Contribution) {
	p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
		return p.Store.Record(ctx, id, edit(metrics.Merge(c)))
	}
}

// recordAgain joins a later contribution of a batch with the one there is.
func recordAgain(p *patched, join func(a, b metrics.Contribution) metrics.Contribution) func(context.Context, string, metrics.Contribution) error {
	return func(ctx context.Context, id string, c metrics.Contribution) error {
		before, err := p.Store.Contribution(ctx, id)
		if err != nil {
			return p.Store.Record(ctx, id, c)
		}
		return p.Store.Amend(ctx, id, join(before, c))
	}
}

func recordWithoutLock(p *patched) {
	var m meeting
	var mu sync.Mutex
	calls := 0
	p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
		mu.Lock()
		calls++
		first := calls == 1 // which comes alone
		mu.Unlock()
		_, err := p.Store.Contribution(ctx, id)
		if !first {
			m.wait()
		}
		if err == nil {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		before, _ := p.Store.Contribution(ctx, id)
		return errors.Join(p.Store.Record(ctx, id, nil), p.Store.Amend(ctx, id, metrics.Merge(before, c)))
	}
}

// hideAttachments hides some attachments of recorded batches.
func hideAttachments(p *patched, some func(name string) bool) {
	p.attachment = func(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
		if _, err := p.Store.Contribution(ctx, id); err != nil || !some(name) {
			return p.Store.Attachment(ctx, id, name)
		}
		return nothing
	}
}

// ghosts are contributions of batches that are no more, but still in DayCount.
type ghosts struct {
	mu  sync.Mutex
	all map[string]metrics.Contribution
}

func haunt(p *patched) *ghosts {
	g := &ghosts{all: map[string]metrics.Contribution{}}
	p.editDayCounts(func(q metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
		g.mu.Lock()
		defer g.mu.Unlock()
		sum := metrics.Contribution(all)
		for _, c := range g.all {
			sum = metrics.Merge(sum, c)
		}
		return slices.DeleteFunc(sum, func(d metrics.DayCount) bool { return !q.Match(d.Day, d.Type) })
	})
	return g
}

func (g *ghosts) add(id string, c metrics.Contribution) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all[id] = metrics.Merge(c)
}
