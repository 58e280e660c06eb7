package series

import (
	"context"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Finality says whether a count can be expected to stay as it is. It is no
// promise: a late file, a deleted batch or one that is processed again may
// change any bucket at any time.
type Finality string

const (
	// Open means that the period is not over.
	Open Finality = "open"
	// Pending means that the period is over, and that there are batches that
	// do not count yet, of whatever days.
	Pending Finality = "pending"
	// Settled means that the period is over, and that every batch counts that
	// has not failed.
	Settled Finality = "settled"
	// Sealed means that the period is settled and has events, and that the raw
	// events of every batch with a share in its UTC days are purged. It cannot
	// be counted again.
	Sealed Finality = "sealed"
)

// asOfSettles is the age from which no process records as of a moment any
// more: their clocks differ by less, and no recording takes as long.
const asOfSettles = time.Minute

// finalityCheck decides how final a result is. It asks the source only for
// what makes a difference.
type finalityCheck struct {
	src     *Source
	query   *Query
	now     time.Time // the moment as of which periods are over
	over    bool      // the whole range is over
	from    time.Time // the range; zero times where there is no limit
	until   time.Time
	pending bool
	purges  bool          // something may be sealed
	days    []metrics.Day // ascending, those with events that are not purged
}

// newFinalityCheck asks the source before the counts are read: otherwise a
// batch could begin to count in between.
func newFinalityCheck(ctx context.Context, src *Source, q *Query) (*finalityCheck, error) {
	now := time.Now
	if src.Now != nil {
		now = src.Now
	}
	c := &finalityCheck{src: src, query: q, now: now()}
	c.from, c.until = q.bounds()
	past := false
	if !q.AsOf.IsZero() {
		past = c.now.Sub(q.AsOf) >= asOfSettles
		c.now = q.AsOf
	}
	c.over = past || !c.until.IsZero() && !c.now.Before(c.until)
	if !c.over && !q.Finality {
		return c, nil
	}
	if !past && src.Pending != nil {
		var err error
		if c.pending, err = src.Pending(ctx); err != nil || c.pending {
			return c, err
		}
	}
	c.purges = src.UnpurgedDays != nil
	return c, c.lookForEvents(ctx)
}

// lookForEvents notes the days of both ranges with events that are not purged.
func (c *finalityCheck) lookForEvents(ctx context.Context) error {
	if !c.purges {
		return nil
	}
	ranges := []Query{*c.query}
	if c.query.Compare != "" {
		ranges = append(ranges, c.query.Previous())
	}
	for i := range ranges {
		f := ranges[i].filter()
		days, err := c.src.UnpurgedDays(ctx, f.From, f.To)
		if err != nil {
			return err
		}
		c.days = append(c.days, days...)
	}
	slices.Sort(c.days)
	return nil
}

// recheck looks again once the counts are read, for batches that were recorded
// or deleted meanwhile. One day is enough to decide on a whole result.
func (c *finalityCheck) recheck(ctx context.Context) error {
	if !c.query.Finality && len(c.days) > 0 {
		return nil
	}
	return c.lookForEvents(ctx)
}

// sealed reports whether no events are left in the days from first to last.
func (c *finalityCheck) sealed(first, last metrics.Day) bool {
	if !c.purges {
		return false
	}
	i, _ := slices.BinarySearch(c.days, first)
	return i == len(c.days) || c.days[i] > last
}

// setBuckets sets the finality of each bucket.
func (c *finalityCheck) setBuckets(buckets []Bucket) {
	for period := range byStart(buckets) {
		f := c.ofPeriod(period)
		for i := range period {
			period[i].Finality = f
		}
	}
}

// ofPeriod returns the finality of a period, of which the range decides what
// part counts.
func (c *finalityCheck) ofPeriod(period []Bucket) Finality {
	start := period[0].Start
	end := c.query.interval().next(start)
	if start.Before(c.from) {
		start = c.from
	}
	if !c.until.IsZero() && c.until.Before(end) {
		end = c.until
	}
	hasEvents := slices.ContainsFunc(period, func(b Bucket) bool { return b.Count > 0 })
	switch {
	case c.now.Before(end):
		return Open
	case c.pending:
		return Pending
	case hasEvents && c.sealed(metrics.DayOf(start), metrics.DayOf(end.Add(-1))):
		return Sealed
	}
	return Settled
}

// ofResult returns the finality of a whole result.
func (c *finalityCheck) ofResult(r *Result) Finality {
	switch {
	case !c.over:
		return Open
	case c.pending:
		return Pending
	case c.purges && len(c.days) == 0 && r.Count+r.PreviousCount > 0:
		return Sealed
	}
	return Settled
}
