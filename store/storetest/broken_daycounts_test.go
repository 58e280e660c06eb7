package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenDayCounts() []broken {
	order, filters := "DayCounts sums and orders by day and type", "DayCounts selects the days and types asked for"
	return []broken{
		{"yields a zero for an empty ledger", "DayCounts of an empty ledger yields nothing", "DayCounts of an empty store", func(p *patched) {
			p.editDayCounts(func(_ metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				if len(all) == 0 {
					return []metrics.DayCount{{}}
				}
				return all
			})
		}},
		{"orders by type first", order, "comes before", func(p *patched) {
			p.editDayCounts(func(_ metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				slices.SortStableFunc(all, func(a, b metrics.DayCount) int { return strings.Compare(a.Type, b.Type) })
				return all
			})
		}},
		{"orders types without regard to case", order, "comes before", func(p *patched) {
			p.editDayCounts(func(_ metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				slices.SortStableFunc(all, func(a, b metrics.DayCount) int {
					if a.Day != b.Day {
						return int(a.Day - b.Day)
					}
					return strings.Compare(strings.ToLower(a.Type), strings.ToLower(b.Type))
				})
				return all
			})
		}},
		{"does not sum but lists batch by batch", order, "comes before", listByBatch},
		{"excludes To", filters, "entries", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) {
				if q.To != 0 {
					q.To--
				}
			})
		}},
		{"excludes From", filters, "entr", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) {
				if q.From != 0 {
					q.From++
				}
			})
		}},
		{"takes no To for today", filters, "entries", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) {
				if q.To == 0 {
					q.To = q.From
				}
			})
		}},
		{"ignores Types", filters, "entr", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) { q.Types = nil })
		}},
		{"takes one of Types", filters, "entr", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) { q.Types = q.Types[:min(1, len(q.Types))] })
		}},
	}
}

func brokenAnswers() []broken {
	parts, belong := "DayCounts has Slots and Subjects only when asked", "DayCounts belong to the caller"
	groups := "DayCounts has groups only when asked"
	return []broken{
		{"returns Slots unasked", parts, "want Slots false, got Slots true", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) { q.Slots = true })
		}},
		{"returns Subjects unasked", parts, "want Subjects false, got Subjects true", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) { q.Subjects = true })
		}},
		{"never returns Slots", parts, "want Slots true, got Slots false", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) { q.Slots = false })
		}},
		{"has no sketch where no subject was", parts, "want Subjects true, got Subjects false", func(p *patched) {
			p.editDayCounts(func(_ metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				for i := range all {
					if all[i].Type == "no subject" {
						all[i].Subjects = nil
					}
				}
				return all
			})
		}},
		{"returns groups unasked", groups, "of group", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) { q.Groups = true })
		}},
		{"never returns groups", groups, "of group", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) { q.Groups = false })
		}},
		{"returns groups without their totals", groups, "of group", func(p *patched) {
			p.editDayCounts(func(q metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				return slices.DeleteFunc(all, func(d metrics.DayCount) bool { return q.Groups && d.Group == "" })
			})
		}},
		{"has one buffer for the slots of all DayCounts", belong, "want slots", func(p *patched) {
			var buffer metrics.Slots
			p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				return func(yield func(metrics.DayCount, error) bool) {
					for d, err := range p.Store.DayCounts(ctx, q) {
						buffer = *d.Slots.Clone()
						if d.Slots = &buffer; !yield(d, err) {
							return
						}
					}
				}
			}
		}},
		{"hands out its own sum", belong, "written over an earlier answer", func(p *patched) {
			var cached []metrics.DayCount
			p.editDayCounts(func(_ metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				if cached == nil {
					cached = all
				}
				return cached
			})
		}},
	}
}

// askDaily changes what DayCounts is asked.
func (p *patched) askDaily(edit func(q *metrics.Filter)) {
	p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
		edit(&q)
		return p.Store.DayCounts(ctx, q)
	}
}

func listByBatch(p *patched) {
	p.dayCounts = func(ctx context.Context, _ metrics.Filter) iter.Seq2[metrics.DayCount, error] {
		return func(yield func(metrics.DayCount, error) bool) {
			page, err := p.Store.Batches(ctx, store.BatchQuery{})
			for _, b := range page {
				c, _ := p.Store.Contribution(ctx, b.ID)
				for _, d := range c {
					if !yield(d, err) {
						return
					}
				}
			}
		}
	}
}

func brokenLaws() []broken {
	law, concurrent := "the daily metrics are the sum of the ledger", "the daily metrics are the sum of the ledger after concurrent changes"
	archive, whole := "sketches drop the subjects of a deleted batch", "readers never see a part of a batch"
	return []broken{
		{"leaves a zero where the last event was deleted", law, "with seed 1", func(p *patched) {
			editDeletes(p, func(g *ghosts, id string, c metrics.Contribution) { g.add(id, zeros(c)) })
		}},
		{"leaves the groups of a deleted batch", law, "with seed 1", func(p *patched) {
			editDeletes(p, func(g *ghosts, id string, c metrics.Contribution) { g.add(id, c.Groups()) })
		}},
		{"amends totals and not groups", law, "with seed 1", func(p *patched) {
			p.amend = func(ctx context.Context, id string, c metrics.Contribution) error {
				before, err := p.Store.Contribution(ctx, id)
				return errors.Join(err, p.Store.Amend(ctx, id, metrics.Merge(before.Groups(), c.Totals())))
			}
		}},
		{"adds what it should amend", law, "with seed 1", func(p *patched) {
			p.amend = func(ctx context.Context, id string, c metrics.Contribution) error {
				before, err := p.Store.Contribution(ctx, id)
				return errors.Join(err, p.Store.Amend(ctx, id, metrics.Merge(before, c)))
			}
		}},
		{"loses one of two concurrent Records", concurrent, "with seed 1", func(p *patched) {
			var running atomic.Int32
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				defer running.Add(-1)
				running.Add(1)
				if spin(func() bool { return running.Load() > 1 }); running.Load() > 1 {
					return p.Store.Record(ctx, id, nil)
				}
				return p.Store.Record(ctx, id, c)
			}
		}},
		{"subtracts counts and leaves sketches", archive, "the sketch is of other subjects", func(p *patched) {
			editDeletes(p, func(g *ghosts, id string, c metrics.Contribution) {
				for i := range c {
					c[i].Count, c[i].Slots = 0, &metrics.Slots{}
				}
				g.add(id, c)
			})
		}},
		{"drops the sketch of a day with a deleted batch", archive, "the sketch is of other subjects", func(p *patched) {
			var deleted atomic.Bool
			p.deleteBatch = func(ctx context.Context, id string) error {
				deleted.Store(true)
				return p.Store.DeleteBatch(ctx, id)
			}
			p.editDayCounts(func(_ metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				for i := range all {
					if deleted.Load() {
						all[i].Subjects = &metrics.Sketch{}
					}
				}
				return all
			})
		}},
		{"records type by type", whole, "a reader concurrent with a writer", recordByType},
		{"reads type by type", whole, "a reader concurrent with a writer", readByType},
	}
}

// editDeletes reports to done what was in the ledger of a batch that was deleted.
func editDeletes(p *patched, done func(g *ghosts, id string, c metrics.Contribution)) {
	g := haunt(p)
	p.deleteBatch = func(ctx context.Context, id string) error {
		c, _ := p.Store.Contribution(ctx, id)
		done(g, id, c)
		return p.Store.DeleteBatch(ctx, id)
	}
}

// zeros returns c with nothing in it but days and types.
func zeros(c metrics.Contribution) metrics.Contribution {
	for i := range c {
		c[i] = metrics.DayCount{Day: c[i].Day, Type: c[i].Type, Group: c[i].Group, Slots: &metrics.Slots{}}
		if c[i].Group == "" {
			c[i].Subjects = &metrics.Sketch{}
		}
	}
	return c
}

// reads counts the answers of DayCounts, so that a change can wait for one.
func countReads(p *patched) *atomic.Int64 {
	var reads atomic.Int64
	p.editDayCounts(func(_ metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
		reads.Add(1)
		return all
	})
	return &reads
}

func recordByType(p *patched) {
	reads := countReads(p)
	p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
		if _, err := p.Store.Contribution(ctx, id); err == nil {
			return nil
		}
		left := slices.DeleteFunc(metrics.Merge(c), func(d metrics.DayCount) bool { return d.Type != "left" })
		err := p.Store.Record(ctx, id, left)
		before := reads.Load()
		spin(func() bool { return reads.Load() > before+3 })
		return errors.Join(err, p.Store.Amend(ctx, id, c))
	}
}

func readByType(p *patched) {
	var mu sync.Mutex
	changes := 0
	p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
		mu.Lock()
		changes++
		mu.Unlock()
		return p.Store.Record(ctx, id, c)
	}
	read := func() int {
		mu.Lock()
		defer mu.Unlock()
		return changes
	}
	p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
		return func(yield func(metrics.DayCount, error) bool) {
			var both []metrics.DayCount
			for _, side := range []string{"left", "right"} {
				q.Types = []string{side}
				for d := range p.Store.DayCounts(ctx, q) {
					both = append(both, d)
				}
				before := read()
				spin(func() bool { return read() > before })
			}
			slices.SortFunc(both, func(a, b metrics.DayCount) int { return a.Compare(&b) })
			yieldAll(both)(yield)
		}
	}
}
