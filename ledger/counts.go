package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// BatchCounts are the events of one batch, summed in two ways.
type BatchCounts struct {
	// Days are the UTC days that have events, ascending.
	Days []DayCount
	// Types are the event types, the most frequent first; those with the same
	// count are in byte order.
	Types []TypeCount
}

// DayCount is the number of events of a batch on one UTC day.
type DayCount struct {
	Day   metrics.Day
	Count int64
}

// TypeCount is the number of events of a batch with one event type.
type TypeCount struct {
	Type  string
	Count int64
}

// BatchCounts returns the counts of a batch in the ledger; before it is processed,
// those that it will have, if the store still knows them. There are none if the
// store is no [store.Auditor]. A contribution may be large, so one call reads at a
// time, and the others wait. Errors: store.ErrNotFound, metrics.ErrCorrupt.
func (l *Ledger) BatchCounts(ctx context.Context, id string) (BatchCounts, error) {
	select {
	case l.counting <- struct{}{}:
		defer func() { <-l.counting }()
	case <-ctx.Done():
		return BatchCounts{}, ctx.Err()
	}
	c, err := l.recorded(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		c, err = l.store.Pending(ctx, id)
	}
	if err != nil {
		return BatchCounts{}, fmt.Errorf("eventmetrics: read counts of batch %s: %w", id, err)
	}
	return countsOf(c), nil
}

// countsOf sums a contribution. Its groups are in its totals.
func countsOf(c metrics.Contribution) BatchCounts {
	var counts BatchCounts
	types := map[string]int64{}
	for day, part := range c.Days() {
		counts.Days = append(counts.Days, DayCount{day, part.Events()})
		for i := range part {
			if part[i].Group == "" {
				types[part[i].Type] += part[i].Count
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		counts.Types = append(counts.Types, TypeCount{name, types[name]})
	}
	slices.SortStableFunc(counts.Types, func(a, b TypeCount) int { return cmp.Compare(b.Count, a.Count) })
	return counts
}
