package storetest

import (
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const unpurged = "Retainer.UnpurgedDays: returns the days, ascending, to which a batch contributes whose events are not purged."

func unpurgedRules() []rule {
	return []rule{
		{"Retainer: UnpurgedDays misses no day", unpurged + " From and to are included; zero means no limit, as in metrics.Filter. No such day is missing. The slice belongs to the caller.", unpurgedMissesNone},
		{"Retainer: UnpurgedDays drops the days of purged batches", unpurged + " A day may be listed for some time after its last such batch was purged, amended or deleted.", unpurgedDropsDays},
	}
}

// unpurgedSoon waits until UnpurgedDays lists the days of contributions and no
// others, which must not take long; it must list them at once.
func (c *check) unpurgedSoon(when string, from, to metrics.Day, contributions ...metrics.Contribution) {
	c.Helper()
	r := need[store.Retainer](c)
	q := metrics.Filter{From: from, To: to}
	var want []metrics.Day
	for day := range metrics.Merge(contributions...).WithEvents().Days() {
		if q.MatchDay(day) {
			want = append(want, day)
		}
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(15 * time.Second); ; <-tick.C {
		got, err := r.UnpurgedDays(c.Context(), from, to)
		c.must(err, "UnpurgedDays")
		if slices.Equal(want, got) {
			clear(got) // it belongs to the caller
			return
		}
		for _, day := range want {
			if !slices.Contains(got, day) {
				c.Fatalf("UnpurgedDays %s misses %s: want %v, got %v", when, day, want, got)
			}
		}
		if time.Now().After(deadline) {
			c.Fatalf("UnpurgedDays %s: want %v, got %v forever", when, want, got)
		}
	}
}

func unpurgedMissesNone(c *check) {
	rng := c.random()
	var all []metrics.Contribution
	for range 10 {
		c.purged(c.randomContribution(rng, 5))
		all = append(all, c.randomContribution(rng, 5))
		c.recorded(all[len(all)-1])
		c.unpurgedSoon("after Record", 0, 0, all...)
	}
	first := metrics.DayOf(epoch)
	c.unpurgedSoon("with a first day", first+10, 0, all...)
	c.unpurgedSoon("with a last day", 0, first+10, all...)
	c.unpurgedSoon("with both", first+5, first+20, all...)
}

func unpurgedDropsDays(c *check) {
	kept := c.someContribution(1)
	c.recorded(kept)
	a, canAmend := store.As[store.Auditor](c.st)
	rng := c.random()
	for range 5 {
		c.purged(c.randomContribution(rng, 20))
		c.unpurgedSoon("after PurgeEvents", 0, 0, kept)
		other := c.randomContribution(rng, 20)
		id := c.recorded(other)
		if canAmend {
			other = c.randomContribution(rng, 20)
			c.must(a.Amend(c.Context(), id, other), "Amend")
			c.unpurgedSoon("after Amend", 0, 0, kept, other)
		}
		c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
		c.unpurgedSoon("after DeleteBatch", 0, 0, kept)
	}
	if canAmend {
		id := c.purged(c.someContribution(3))
		c.must(a.Amend(c.Context(), id, c.someContribution(9)), "Amend of a purged batch")
		c.unpurgedSoon("after Amend of a purged batch", 0, 0, kept)
	}
}
