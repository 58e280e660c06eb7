package storetest

import (
	"fmt"
	"runtime"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const asOf = "metrics.Filter: keeps the contributions that were recorded at that moment, to the millisecond, or before it, as they are now.\nStore.DayCounts: With q.AsOf the sum does not include what was recorded later"

func asOfRules() []rule {
	return []rule{
		{"AsOf is the sum of what was recorded until then", asOf, asOfSums},
		{"AsOf keeps what else the query asks for", asOf, asOfFilters},
		{"AsOf does not bring a deleted batch back", asOf + "\nStore.DeleteBatch: DayCounts is then as if the batch had never existed.", asOfDeleted},
		{"AsOf includes what happened to a contribution since", asOf + "\nStore.DayCounts: With q.Ledger the sum is the same", asOfChanges},
		{"Ledger changes no answer", "metrics.Filter: Ledger asks for the same answer, computed now from the contributions themselves and from no sums that a store keeps of them.\nStore.DayCounts: With q.Ledger the sum is the same", ledgerSums},
		{"AsOf counts archived batches", asOf + "\nRetainer.Archive: the answers of DayCounts do not change", asOfArchived},
		{"Auditor: Amend keeps the time of recording", "Store.Record: The store notes the time, for the AsOf of queries; Amend does not change that time.\nStore: Times that the store sets are those of its own process, UTC, cut to the millisecond", asOfCorrects},
	}
}

// moment returns a moment that is not before anything that has happened, and
// before all that will, to the millisecond.
func moment() time.Time {
	now := func() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
	t := now()
	for !now().After(t) {
		runtime.Gosched()
	}
	return t
}

// soon returns a moment, to the millisecond, that is after all that has happened.
func soon() time.Time { return moment().Add(time.Millisecond) }

// asOfIs reports a sum as of a moment that is not that of contributions.
func (c *check) asOfIs(when string, at time.Time, contributions ...metrics.Contribution) {
	c.Helper()
	for _, q := range []metrics.Filter{{}, everything} {
		q.AsOf = at
		c.dayCountsAre(when, q, contributions...)
		q.Ledger = true
		c.dayCountsAre(when+", from the ledger", q, contributions...)
	}
}

func ledgerSums(c *check) {
	all := c.wide()
	day := metrics.DayOf(epoch)
	for _, q := range []metrics.Filter{{}, everything, {From: day + 3, To: day + 5, Types: []string{"a", "日本"}, Slots: true}, {Subjects: true}} {
		q.Ledger = true
		c.dayCountsAre("from the ledger", q, all...)
	}
}

// asOfChanges asks as of each of many moments, again after the contributions of
// those moments were corrected, deleted and archived.
func asOfChanges(c *check) {
	auditor, amends := store.As[store.Auditor](c.st)
	retainer, archives := store.As[store.Retainer](c.st)
	rng := c.random()
	var moments []time.Time
	var all []metrics.Contribution // nil: deleted
	var ids []string
	for range c.scaled(40) {
		all = append(all, c.randomContribution(rng, 1+rng.IntN(9)))
		if archives {
			ids = append(ids, c.purged(all[len(all)-1]))
		} else {
			ids = append(ids, c.recorded(all[len(all)-1]))
		}
		moments = append(moments, moment())
	}
	ask := func(when string) {
		for i := rng.IntN(4); i < len(moments); i += 1 + rng.IntN(8) {
			c.asOfIs(fmt.Sprintf("as of after %d of %d contributions %s, with seed %d", i+1, len(all), when, c.seed()), moments[i], all[:i+1]...)
		}
	}
	ask("before they have changed")
	for i, id := range ids {
		switch rng.IntN(5) {
		case 0:
			all[i] = nil
			c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
		case 1:
			if amends {
				all[i] = c.randomContribution(rng, rng.IntN(9))
				c.must(auditor.Amend(c.Context(), id, all[i]), "Amend")
			}
		case 2:
			if archives {
				c.must(retainer.Archive(c.Context(), id), "Archive")
			}
		}
	}
	ask("that have changed since")
	if amends {
		c.must(auditor.Rebuild(c.Context()), "Rebuild")
		ask("after Rebuild")
	}
}

func asOfSums(c *check) {
	rng := c.random()
	before := moment()
	moments := []time.Time{before}
	var all []metrics.Contribution
	var ids []string
	for i := range c.scaled(60) {
		if i%7 == 3 {
			c.must(c.st.Record(c.Context(), ids[rng.IntN(len(ids))], c.someContribution(9)), "Record again")
		}
		all = append(all, c.randomContribution(rng, rng.IntN(30)))
		ids = append(ids, c.recorded(all[i]))
		moments = append(moments, moment())
	}
	for i := 0; i < len(moments); i += max(1, len(moments)/20) {
		when := fmt.Sprintf("as of after %d of %d contributions, with seed %d", i, len(all), c.seed())
		c.asOfIs(when, moments[i], all[:i]...)
	}
	c.asOfIs("as of an hour to come", time.Now().Add(time.Hour), all...)
	c.asOfIs("as of an hour ago", before.Add(-time.Hour))
}

func asOfFilters(c *check) {
	all := c.wide()
	at := moment()
	c.wide()
	day := metrics.DayOf(epoch)
	for _, q := range []metrics.Filter{
		{From: day + 3},
		{To: day + 5},
		{From: day + 3, To: day + 5, Subjects: true},
		{Types: []string{"a", "日本"}, Slots: true},
		{From: day + 6, To: day + 6, Types: []string{"Z"}},
		{From: day + 2, Groups: true},
		{To: day + 5, Types: []string{"a"}, Groups: true, Slots: true, Subjects: true},
	} {
		q.AsOf = at
		c.dayCountsAre(fmt.Sprintf("with %+v", q), q, all...)
	}
}

func asOfArchived(c *check) {
	f := need[store.Retainer](c)
	early, late := c.someContribution(20), c.someContribution(30)
	ids := []string{c.purged(early)}
	at := moment()
	ids = append(ids, c.purged(late))
	for _, id := range ids {
		c.must(f.Archive(c.Context(), id), "Archive")
	}
	c.asOfIs("as of between two batches that were archived since", at, early)
	c.asOfIs("as of now", moment(), early, late)
}

func asOfDeleted(c *check) {
	kept := c.someContribution(20)
	c.recorded(kept)
	id := c.recorded(c.someContribution(30))
	at := moment()
	c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
	c.asOfIs("as of before the deletion", at, kept)
}

func asOfCorrects(c *check) {
	a := need[store.Auditor](c)
	before := moment()
	id := c.recorded(c.someContribution(30))
	at := moment()
	for _, n := range []int{12, 0, 40} {
		want := c.someContribution(n)
		c.must(a.Amend(c.Context(), id, want), "Amend")
		c.asOfIs("as of before the correction", at, want)
		c.asOfIs("as of before the contribution", before)
	}
}
