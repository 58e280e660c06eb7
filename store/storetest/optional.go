package storetest

import (
	"context"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const amends = "Auditor.Amend replaces the contribution of a batch in one atomic step."

func amenderRules() []rule {
	return []rule{
		{"Auditor: Contribution returns what was recorded", "Auditor.Contribution returns what the ledger has for a batch; it belongs to the caller.", contributionReturns},
		{"Auditor: Amend replaces a contribution", amends, amendReplaces},
		{"Auditor: no contribution is ErrNotFound", "Auditor: ErrNotFound when the batch is unknown or has no contribution.", amendUnknown},
		{"Auditor: Amend does not change or keep the contribution", "Auditor.Amend: the store does not change or keep c.", amendKeepsNothing},
		{"Auditor: nothing remains when DeleteBatch races Amend", asIfNever, amendRacesDelete},
	}
}

// contributionIs reports a contribution that is not the wanted one, and writes
// over it.
func (c *check) contributionIs(when string, a store.Auditor, id string, want metrics.Contribution) {
	c.Helper()
	got, err := a.Contribution(c.Context(), id)
	c.must(err, "Contribution")
	if d := diffDailies(want, got); d != "" {
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
		if d := diffDailies(want, mine); d != "" {
			c.Errorf("Amend changed the contribution that it was given: %s", d)
		}
		scribble(mine)
		c.ledgerIs("after the caller has written over what it amended", want)
	}
}

func amendRacesDelete(c *check) {
	a := need[store.Auditor](c)
	for i := range c.scaled(30) {
		id := c.recorded(c.someContribution(5))
		late := c.someContribution(i + 10)
		amend := func() error { return a.Amend(c.Context(), id, late) }
		for _, err := range c.deletedRace(i, id, amend, amend) {
			c.nilOrNotFound(err, "Amend")
		}
		c.gone(id, "after DeleteBatch beside Amend")
		c.ledgerIs("after DeleteBatch beside Amend")
	}
}

func explainerRules() []rule {
	return []rule{{
		"Explainer: Explain returns the share of each batch",
		"Explainer.Explain returns the share of each batch in the count of one day and event type, ascending by batch id, of batches that have one; the counts sum to the Count of the Daily.",
		explains,
	}}
}

func explains(c *check) {
	e := need[store.Explainer](c)
	rng := c.random()
	l := c.newLedger(rng)
	for range 40 {
		l.uploaded = append(l.uploaded, c.uploaded())
		c.must(l.step(), "a random step")
	}
	for i := range 6 {
		contribution := c.someContribution(10 * i)
		l.recorded[c.recorded(contribution)] = contribution
	}
	first := metrics.DayOf(epoch)
	for day := first - 1; day < first+season+6; day++ {
		for _, eventType := range []string{"left", "right", "neither"} {
			c.explainIs(e, l, day, eventType)
		}
	}
}

func (c *check) explainIs(e store.Explainer, l *ledger, day metrics.Day, eventType string) {
	c.Helper()
	want := map[string]int64{}
	for id, contribution := range l.recorded {
		for _, d := range contribution {
			if d.Day == day && d.Type == eventType && d.Group == "" {
				want[id] = d.Count
			}
		}
	}
	got, last := map[string]int64{}, ""
	err := drain(c, "Explain", e.Explain(c.Context(), day, eventType), func(s store.Share) {
		if s.BatchID <= last {
			c.Errorf("Explain: %s comes after %s", s.BatchID, last)
		}
		last, got[s.BatchID] = s.BatchID, s.Count
	})
	c.must(err, "Explain")
	if fmt.Sprint(want) != fmt.Sprint(got) {
		c.Errorf("Explain %s %s: want %v, got %v", day, eventType, want, got)
	}
}

func sealerRules() []rule {
	return []rule{
		{"Retainer: Seal purges the events and keeps the rest", "Retainer.Seal purges the raw events of a completed batch and sets Sealed; Events is ErrPurged then. Its contribution and the number of its events stay. Sealing a sealed batch does nothing.", seals},
		{"Retainer: only a completed batch is sealed", "Retainer.Seal: ErrNotFound; ErrConflict when the batch is not completed.", sealConflict},
	}
}

func seals(c *check) {
	s := need[store.Retainer](c)
	mine, other := c.someContribution(10), c.someContribution(20)
	kept := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), kept, other), "Record")
	id := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), id, mine), "Record")
	c.move(id, store.Completed, "")
	want := c.batch(id)
	want.EventsPurged = true
	for range 2 {
		c.must(s.PurgeEvents(c.Context(), id), "Seal")
		if d := diffBatch(want, c.batch(id)); d != "" {
			c.Errorf("Batch after Seal:%s", d)
		}
		c.want(c.eventsError(id), store.ErrEventsPurged, "Events after Seal")
		c.ledgerIs("after Seal", mine, other)
	}
	if d := diffEvents(someEvents(10), c.events(kept)); d != "" {
		c.Errorf("Events of a batch that was not sealed: %s", d)
	}
	c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch of a sealed batch")
	c.gone(id, "after Seal and DeleteBatch")
	c.ledgerIs("after Seal and DeleteBatch", other)
}

func sealConflict(c *check) {
	s := need[store.Retainer](c)
	c.want(s.PurgeEvents(c.Context(), c.id()), store.ErrNotFound, "Seal of an unknown batch")
	for _, status := range allBut(store.Completed) {
		id := c.upload(filled()).ID
		c.move(id, status, "")
		want := c.batch(id)
		c.want(s.PurgeEvents(c.Context(), id), store.ErrConflict, "Seal of a batch that is "+string(status))
		if d := diffBatch(want, c.batch(id)); d != "" {
			c.Errorf("Batch after ErrConflict:%s", d)
		}
		if d := diffEvents(someEvents(10), c.events(id)); d != "" {
			c.Errorf("Events after ErrConflict: %s", d)
		}
	}
}

func pingRules() []rule {
	return []rule{{"Ping answers", "Store.Ping returns nil if the database can be read and written now.", pings}}
}

func pings(c *check) {
	for range 3 {
		c.must(c.st.Ping(c.Context()), "Ping")
	}
	ended, cancel := context.WithCancel(c.Context())
	cancel()
	c.want(c.st.Ping(ended), context.Canceled, "Ping with a cancelled context")
	c.uploaded()
}
