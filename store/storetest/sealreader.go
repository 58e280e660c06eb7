package storetest

import (
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const unsealed = "Retainer.Unsealed returns the days, ascending, in which a batch has a share that is not sealed."

func sealReaderRules() []rule {
	return []rule{
		{"Retainer: Unsealed misses no day", unsealed + " It misses none.", unsealedMissesNone},
		{"Retainer: Unsealed forgets the days of what was sealed", unsealed + " It may list a day for a while longer.", unsealedForgets},
	}
}

// unsealedSoon waits until UnpurgedDays lists the days of contributions and no
// others, which must not take long; it must list them at once.
func (c *check) unsealedSoon(when string, from, to metrics.Day, contributions ...metrics.Contribution) {
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
		c.must(err, "Unsealed")
		if slices.Equal(want, got) {
			return
		}
		for _, day := range want {
			if !slices.Contains(got, day) {
				c.Fatalf("Unsealed %s misses %s: want %v, got %v", when, day, want, got)
			}
		}
		if time.Now().After(deadline) {
			c.Fatalf("Unsealed %s: want %v, got %v for ever", when, want, got)
		}
	}
}

func unsealedMissesNone(c *check) {
	rng := c.random()
	var all []metrics.Contribution
	for range 10 {
		c.sealed(c.randomContribution(rng, 5))
		all = append(all, c.randomContribution(rng, 5))
		c.recorded(all[len(all)-1])
		c.unsealedSoon("after Record", 0, 0, all...)
	}
	first := metrics.DayOf(epoch)
	c.unsealedSoon("with a first day", first+10, 0, all...)
	c.unsealedSoon("with a last day", 0, first+10, all...)
	c.unsealedSoon("with both", first+5, first+20, all...)
}

func unsealedForgets(c *check) {
	kept := c.someContribution(1)
	c.recorded(kept)
	a, canAmend := store.As[store.Auditor](c.st)
	rng := c.random()
	for range 5 {
		c.sealed(c.randomContribution(rng, 20))
		c.unsealedSoon("after Seal", 0, 0, kept)
		other := c.randomContribution(rng, 20)
		id := c.recorded(other)
		if canAmend {
			other = c.randomContribution(rng, 20)
			c.must(a.Amend(c.Context(), id, other), "Amend")
			c.unsealedSoon("after Amend", 0, 0, kept, other)
		}
		c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
		c.unsealedSoon("after DeleteBatch", 0, 0, kept)
	}
	if canAmend {
		id := c.sealed(c.someContribution(3))
		c.must(a.Amend(c.Context(), id, c.someContribution(9)), "Amend of a sealed batch")
		c.unsealedSoon("after Amend of a sealed batch", 0, 0, kept)
	}
}
