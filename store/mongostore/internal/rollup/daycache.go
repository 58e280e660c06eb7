package rollup

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// maxCached is the greatest number of counts, of about 40 bytes each, that are
// kept in memory.
const maxCached = 500_000

// dayCache holds the days of one generation of the rollup, with their counts.
// For a later generation, only the days that changed are read.
type dayCache struct {
	mu         sync.Mutex
	epoch      string
	generation int64
	days       []dayDoc // ascending by date; never changed, only replaced
}

// cached returns all days of a rollup without a plan. It returns false if they
// have more than maxCached counts, or some are damaged. The days are shared; callers must not change
// them. Errors: errMoved.
func (d *days) cached(ctx context.Context, s *stateDoc) ([]dayDoc, bool, error) {
	c := &d.cache
	c.mu.Lock()
	epoch, generation, days := c.epoch, c.generation, c.days
	c.mu.Unlock()
	if epoch == s.Epoch && generation == s.Generation {
		return days, true, nil
	}
	if epoch != s.Epoch || generation > s.Generation {
		generation, days = -1, nil
	}
	changed, err := d.since(ctx, s, generation)
	if errors.Is(err, metrics.ErrCorrupt) { // the other days can be read one by one
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	days = mergeDays(days, changed)
	size := 0
	for i := range days {
		size += len(days[i].Metrics)
	}
	if size > maxCached {
		return nil, false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != s.Epoch || c.generation < s.Generation {
		c.epoch, c.generation, c.days = s.Epoch, s.Generation, days
	}
	return days, true, nil
}

// mergeDays returns days with the changed ones in their places, by date.
func mergeDays(days, changed []dayDoc) []dayDoc {
	out := make([]dayDoc, 0, len(days)+len(changed))
	for len(days) > 0 && len(changed) > 0 {
		switch strings.Compare(days[0].Date, changed[0].Date) {
		case -1:
			out, days = append(out, days[0]), days[1:]
		case 0:
			days = days[1:]
		default:
			out, changed = append(out, changed[0]), changed[1:]
		}
	}
	return slices.Concat(out, days, changed)
}

// within returns the days between two dates, both included. An empty bound is
// none.
func within(days []dayDoc, from, to string) []dayDoc {
	byDate := func(d dayDoc, date string) int { return strings.Compare(d.Date, date) }
	if from != "" {
		i, _ := slices.BinarySearchFunc(days, from, byDate)
		days = days[i:]
	}
	if to != "" {
		i, found := slices.BinarySearchFunc(days, to, byDate)
		if found {
			i++
		}
		days = days[:i]
	}
	return slices.Clone(days)
}
