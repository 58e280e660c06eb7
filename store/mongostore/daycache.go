package mongostore

import (
	"context"
	"slices"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// maxCached is the greatest number of counts, of about 40 bytes each, that are
// kept in memory.
const maxCached = 500_000

// dayCache has the days of the rollup of one generation, with their counts.
// When the rollup moves on, only the days that changed are read again.
type dayCache struct {
	mu         sync.Mutex
	epoch      string
	generation int64
	days       []dayDoc // ascending by date; never changed, only replaced
}

// cachedDays returns all days of a rollup whose plan is done, without details
// of a spilled day. It returns false if they are too many. The days are shared.
func (s *Store) cachedDays(ctx context.Context, r *rollupDoc) ([]dayDoc, bool, error) {
	c := &s.cache
	c.mu.Lock()
	epoch, since, days := c.epoch, c.generation, c.days
	c.mu.Unlock()
	if epoch == r.Epoch && since == r.Generation {
		return days, true, nil
	}
	if epoch != r.Epoch || since > r.Generation {
		since, days = -1, nil
	}
	changed, err := s.daysSince(ctx, r, since)
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
	if c.epoch != r.Epoch || c.generation < r.Generation {
		c.epoch, c.generation, c.days = r.Epoch, r.Generation, days
	}
	return days, true, nil
}

// daysSince reads the days that changed after a generation. Errors: errMoved
// if one of them has changed again.
func (s *Store) daysSince(ctx context.Context, r *rollupDoc, since int64) ([]dayDoc, error) {
	filter := eq("epoch", r.Epoch, "generation", eq("$gt", since), "date", eq("$gt", ""))
	changed, err := findAll[dayDoc](ctx, s, s.daily, filter, options.Find().SetSort(eq("date", 1)))
	if err != nil {
		return nil, err
	}
	for i := range changed {
		if changed[i].Generation > r.Generation {
			return nil, errMoved
		}
	}
	return changed, nil
}

// mergeDays puts changed days among the others, in order.
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

// within returns the days of a range; an empty bound is none.
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
