package storetest

import (
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const amends = "Auditor.Amend: replaces the contribution of a batch in one atomic step."

func auditorRules() []rule {
	return []rule{
		{"Auditor: Contribution returns what was recorded", "Auditor.Contribution: returns the contribution of a batch from the ledger. It belongs to the caller.", contributionReturns},
		{"Auditor: Amend replaces a contribution", amends, amendReplaces},
		{"Auditor: no contribution is ErrNotFound", "Auditor.Contribution: ErrNotFound when the batch is unknown or has no contribution.\nAuditor.Amend: ErrNotFound when the batch is unknown or has no contribution.", amendUnknown},
		{"Auditor: Amend does not change or keep the contribution", "Auditor.Amend: The store does not change or keep c.", amendKeepsNothing},
		{"Auditor: nothing remains when DeleteBatch races Amend", asIfNever, amendRacesDelete},
	}
}

// contributionIs reports a contribution that is not the wanted one, and writes
// over it.
func (c *check) contributionIs(when string, a store.Auditor, id string, want metrics.Contribution) {
	c.Helper()
	got, err := a.Contribution(c.Context(), id)
	c.must(err, "Contribution")
	if d := diffDayCounts(want, got); d != "" {
		c.Errorf("Contribution %s: %s", when, d)
	}
	scribble(got)
}

func contributionReturns(c *check) {
	a := need[store.Auditor](c)
	for _, n := range []int{0, 1, 30, 2000} {
		want := c.someContribution(n)
		id := c.recorded(want)
		c.contributionIs("after Record", a, id, want)
		c.contributionIs("after the caller has written over an earlier answer", a, id, want)
	}
	c.ledgerIs("after the caller has written over contributions",
		c.someContribution(0), c.someContribution(1), c.someContribution(30), c.someContribution(2000))
}

func amendReplaces(c *check) {
	a := need[store.Auditor](c)
	kept := c.someContribution(40)
	c.recorded(kept)
	id := c.recorded(c.someContribution(50))
	for _, n := range []int{70, 3, 0, 1000, 1000} {
		want := c.someContribution(n)
		c.must(a.Amend(c.Context(), id, want), "Amend")
		c.ledgerIs("after Amend", kept, want)
		c.contributionIs("after Amend", a, id, want)
		c.must(c.st.Record(c.Context(), id, c.someContribution(9)), "Record after Amend")
		c.ledgerIs("after Amend and Record again", kept, want)
	}
	c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
	c.ledgerIs("after Amend and DeleteBatch", kept)
}

func amendUnknown(c *check) {
	a := need[store.Auditor](c)
	deleted := c.recorded(c.someContribution(5))
	c.must(c.st.DeleteBatch(c.Context(), deleted), "DeleteBatch")
	for what, id := range map[string]string{"unknown": c.id(), "not recorded": c.uploaded(), "deleted": deleted} {
		_, err := a.Contribution(c.Context(), id)
		c.want(err, store.ErrNotFound, "Contribution of a batch that is "+what)
		c.want(a.Amend(c.Context(), id, c.someContribution(6)), store.ErrNotFound, "Amend of a batch that is "+what)
	}
	c.ledgerIs("after Amend of batches without a contribution")
}

func amendKeepsNothing(c *check) {
	a := need[store.Auditor](c)
	id := c.recorded(c.someContribution(5))
	for _, n := range []int{10, 20} {
		mine := c.someContribution(n)
		want := clone(mine)
		c.must(a.Amend(c.Context(), id, mine), "Amend")
		if d := diffDayCounts(want, mine); d != "" {
			c.Errorf("Amend changed the contribution that it was given: %s", d)
		}
		scribble(mine)
		c.ledgerIs("after the caller has written over what it amended", want)
	}
}

func amendRacesDelete(c *check) {
	a := need[store.Auditor](c)
	for i := range raceRounds {
		id := c.recorded(c.someContribution(5))
		late := c.someContribution(i + 10)
		amend := func() error { return a.Amend(c.Context(), id, late) }
		for _, err := range c.deletedRace(i, id, amend, amend) {
			c.nilOrNotFound(err, "Amend concurrent with DeleteBatch")
		}
		c.gone(id, "after DeleteBatch concurrent with Amend")
		c.ledgerIs("after DeleteBatch concurrent with Amend")
	}
}
