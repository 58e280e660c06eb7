package storetest_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenAsOfs() []broken {
	const sums, corrects = "AsOf is the sum of what was recorded until then", "Auditor: Amend keeps the time of recording"
	return []broken{
		{"answers as of now", sums, "as of after", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) { q.AsOf = time.Time{} })
		}},
		{"sums subjects as of now", sums, "as of after", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) {
				if q.Subjects {
					q.AsOf = time.Time{}
				}
			})
		}},
		{"moves a contribution that is recorded again", sums, "as of after", func(p *patched) {
			again := map[string]time.Time{}
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				again[id] = time.Now()
				return p.Store.Record(ctx, id, c)
			}
			p.hideUntil(again)
		}},
		{"loses the range as of a moment", "AsOf keeps what else the query asks for", "with {From:", func(p *patched) {
			p.askDaily(func(q *metrics.Filter) {
				if !q.AsOf.IsZero() {
					q.From, q.To = 0, 0
				}
			})
		}},
		{"brings deleted batches back", "AsOf does not bring a deleted batch back", "as of before the deletion", func(p *patched) {
			var deleted metrics.Contribution
			p.deleteBatch = func(ctx context.Context, id string) error {
				c, err := p.Store.Contribution(ctx, id)
				deleted = metrics.Merge(deleted, c)
				if err != nil {
					return err
				}
				return p.Store.DeleteBatch(ctx, id)
			}
			p.editDayCounts(func(q metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				if q.AsOf.IsZero() || !q.Slots {
					return all
				}
				return metrics.Merge(all, deleted)
			})
		}},
		{"remembers its answers as of a moment", "AsOf includes what happened to a contribution since", "that have changed since", func(p *patched) {
			answers := map[string][]metrics.DayCount{}
			p.editDayCounts(func(q metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				if q.AsOf.IsZero() || q.Ledger {
					return all
				}
				key := fmt.Sprintf("%+v", q)
				if _, known := answers[key]; !known {
					answers[key] = metrics.Merge(all)
				}
				return metrics.Merge(answers[key])
			})
		}},
		{"skips a type in the ledger", "Ledger changes no answer", "from the ledger", func(p *patched) {
			p.editDayCounts(func(q metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				if !q.Ledger {
					return all
				}
				return all[:len(all)-1]
			})
		}},
		{"moves a contribution that is amended", corrects, "as of before the correction", func(p *patched) {
			amended := map[string]time.Time{}
			p.amend = func(ctx context.Context, id string, c metrics.Contribution) error {
				amended[id] = time.Now()
				return p.Store.Amend(ctx, id, c)
			}
			p.hideUntil(amended)
		}},
	}
}

// hideUntil keeps batches out of the sums as of a moment before those given.
func (p *patched) hideUntil(moments map[string]time.Time) {
	p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
		if q.AsOf.IsZero() {
			return p.Store.DayCounts(ctx, q)
		}
		batches, _ := p.Store.Batches(ctx, store.BatchQuery{Limit: store.MaxLimit})
		var sum metrics.Contribution
		for _, b := range batches {
			if c, err := p.Store.Contribution(ctx, b.ID); err == nil && q.MatchRecorded(moments[b.ID]) {
				sum = metrics.Merge(sum, c)
			}
		}
		sum = slices.DeleteFunc(sum, func(d metrics.DayCount) bool { return !q.Match(d.Day, d.Type) })
		for i := range sum {
			q.Trim(&sum[i])
		}
		return yieldAll[metrics.DayCount](sum)
	}
}

func brokenRebuilds() []broken {
	const rebuild = "Auditor: Rebuild changes no answer that is right"
	return []broken{
		{"rebuilds from a part of the ledger", rebuild, "after Rebuild", func(p *patched) {
			p.rebuild = func(ctx context.Context) error {
				batches, err := p.Store.Batches(ctx, store.BatchQuery{Limit: 1})
				if len(batches) == 0 || err != nil {
					return err
				}
				err = p.Store.Amend(ctx, batches[0].ID, nil)
				return ignore(store.ErrNotFound, err)
			}
		}},
		{"shows half a day while it rebuilds", rebuild, "concurrent with random steps and a reader", func(p *patched) {
			var rebuilding atomic.Int64
			p.rebuild = func(context.Context) error {
				rebuilding.Add(1)
				spin(func() bool { return false })
				rebuilding.Add(-1)
				return nil
			}
			p.editDayCounts(func(_ metrics.Filter, all []metrics.DayCount) []metrics.DayCount {
				if rebuilding.Load() > 0 {
					return all[:max(len(all)-1, 0)]
				}
				return all
			})
		}},
	}
}

func brokenUnpurgedDays() []broken {
	const misses, archives = "Retainer: UnpurgedDays misses no day", "Retainer: UnpurgedDays drops the days of purged batches"
	edit := func(change func(from metrics.Day, days []metrics.Day) []metrics.Day) func(p *patched) {
		return func(p *patched) {
			p.unpurged = func(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
				days, err := p.Store.UnpurgedDays(ctx, from, to)
				return change(from, days), err
			}
		}
	}
	return []broken{
		{"misses the last day", misses, "misses", edit(func(_ metrics.Day, days []metrics.Day) []metrics.Day { return days[:len(days)-1] })},
		{"takes the first day for excluded", misses, "misses", edit(func(from metrics.Day, days []metrics.Day) []metrics.Day {
			return slices.DeleteFunc(days, func(d metrics.Day) bool { return from != 0 && d <= from+10 })
		})},
		{"lists purged days", archives, "forever", edit(func(_ metrics.Day, days []metrics.Day) []metrics.Day {
			return append(days, days[len(days)-1]+1)
		})},
	}
}
