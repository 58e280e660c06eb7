package storetest

import (
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const once = "Store.Record: enters the contribution of a batch into the ledger, once: if the ledger has one for this batch already, it returns nil and changes nothing."

func recordRules() []rule {
	return []rule{
		{"Record shows the whole contribution", "Store.Record: DayCounts includes either nothing of the contribution or all of it.", recordShows},
		{"Record counts once", once, recordOnce},
		{"an empty contribution is a contribution", "Store.Record: an empty contribution is one too.", recordEmpty},
		{"the first of many concurrent Records wins whole", once + " DayCounts includes either nothing of the contribution or all of it.", recordRace},
		{"Record does not change the status", "Store.Record: does not change the status.", recordKeepsStatus},
		{"Record of an unknown batch is ErrNotFound", "Store.Record: ErrNotFound when the batch is unknown", recordUnknown},
		{
			"Record of a deleted batch is ErrNotFound",
			"Store.Record: ErrNotFound when the batch is unknown or was deleted, however long ago.",
			recordDeleted,
		},
		{"Record does not change or keep the contribution", "Store.Record: the store does not change or keep c.", recordKeepsNothing},
	}
}

func recordShows(c *check) {
	var all []metrics.Contribution
	for i := range 4 {
		all = append(all, c.someContribution(10*i+1))
		c.recorded(all[i])
		c.ledgerIs("after Record", all...)
	}
	var events []metrics.Event
	for i, s := range awkward() {
		events = append(events, metrics.Event{Type: s, Time: eventAt(i * 1000).Time, Fields: fields("candidate_id", s)})
	}
	all = append(all, c.contributionOf(events))
	c.recorded(all[len(all)-1])
	c.recorded(all[len(all)-1])
	c.ledgerIs("with awkward types", append(all, all[len(all)-1])...)
}

func recordOnce(c *check) {
	first, second := c.someContribution(10), c.someContribution(20)
	id := c.recorded(first)
	for range 3 {
		c.must(c.st.Record(c.Context(), id, first), "Record again")
		c.ledgerIs("after Record of the same again", first)
		c.must(c.st.Record(c.Context(), id, second), "Record of another contribution of the batch")
		c.ledgerIs("after Record of another contribution of the batch", first)
	}
}

func recordEmpty(c *check) {
	id := c.recorded(nil)
	c.ledgerIs("after an empty contribution")
	c.must(c.st.Record(c.Context(), id, c.someContribution(10)), "Record again")
	c.ledgerIs("after Record of another contribution of the batch")
}

func recordRace(c *check) {
	const rivals = 16
	others := c.someContribution(99)
	c.recorded(others)
	for round := range 3 {
		id := c.uploaded()
		var all []metrics.Contribution
		for i := range rivals {
			all = append(all, c.someContribution(round*rivals+i+1))
		}
		for _, err := range concurrently(rivals, func(i int) error { return c.st.Record(c.Context(), id, all[i]) }) {
			c.must(err, "Record concurrent with others")
		}
		c.oneWon(others, all)
		c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
	}
}

// oneWon reports a ledger that is not the sum of other and one of the rivals.
func (c *check) oneWon(others metrics.Contribution, rivals []metrics.Contribution) {
	c.Helper()
	got := c.dayCounts(everything)
	for _, rival := range rivals {
		if diffDayCounts(metrics.Merge(others, rival), got) == "" {
			return
		}
	}
	c.Errorf("after %d concurrent Records of one batch DayCounts has %d events in it, which is none of the contributions as a whole",
		len(rivals), got.Events()-others.Events())
}

func recordKeepsStatus(c *check) {
	for _, status := range store.Statuses() {
		id := c.uploaded()
		c.move(id, status, "because")
		want := c.batch(id)
		c.must(c.st.Record(c.Context(), id, c.someContribution(3)), "Record")
		if d := diffBatch(want, c.batch(id)); d != "" {
			c.Errorf("Batch after Record:%s", d)
		}
	}
}

func recordUnknown(c *check) {
	c.want(c.st.Record(c.Context(), c.id(), c.someContribution(10)), store.ErrNotFound, "Record")
	c.ledgerIs("after Record of an unknown batch")
}

func recordDeleted(c *check) {
	kept := c.someContribution(7)
	before, after := c.recorded(c.someContribution(10)), c.uploaded()
	c.recorded(kept)
	for _, id := range []string{before, after} {
		c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
	}
	for range 3 {
		c.uploaded()
		for _, id := range []string{before, after} {
			c.want(c.st.Record(c.Context(), id, c.someContribution(10)), store.ErrNotFound, "Record")
		}
		c.ledgerIs("after Record of a deleted batch", kept)
	}
}

func recordKeepsNothing(c *check) {
	var all []metrics.Contribution
	for i := range 3 {
		mine := c.someContribution(10 * (i + 1))
		all = append(all, clone(mine))
		c.recorded(mine)
		if d := diffDayCounts(all[i], mine); d != "" {
			c.Errorf("Record changed the contribution that it was given: %s", d)
		}
		scribble(mine)
		c.ledgerIs("after the caller has written over what it recorded", all...)
	}
}
