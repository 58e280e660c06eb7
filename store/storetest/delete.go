package storetest

import (
	"errors"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const asIfNever = "Store.DeleteBatch: removes a batch, its events, its attachments and its contribution. DayCounts is then as if the batch had never existed. What runs concurrently leaves nothing of it."

func deleteRules() []rule {
	return []rule{
		{"DeleteBatch removes all of a batch and nothing else", asIfNever, deleteRemoves},
		{"DeleteBatch of an unknown batch is ErrNotFound", "Store.DeleteBatch: Errors: ErrNotFound. A repeated call returns nil or ErrNotFound.", deleteUnknown},
		{"nothing remains when DeleteBatch races Record", asIfNever, deleteRacesRecord},
	}
}

func deleteRemoves(c *check) {
	var ids []string
	var all []metrics.Contribution
	for i, status := range store.Statuses() {
		id := c.upload(filled()).ID
		all = append(all, c.someContribution(i+5))
		c.must(c.st.Record(c.Context(), id, all[i]), "Record")
		c.move(id, status, "")
		ids = append(ids, id)
	}
	kept := c.upload(filled())
	mine := c.someContribution(50)
	c.must(c.st.Record(c.Context(), kept.ID, mine), "Record")
	for i, id := range ids {
		c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
		c.gone(id, "after DeleteBatch")
		c.ledgerIs("after DeleteBatch", append(all[i+1:len(all):len(all)], mine)...)
	}
	c.idsAre("after DeleteBatch", []string{kept.ID}, c.list(store.BatchQuery{}))
	if d := diffBatch(kept, c.batch(kept.ID)); d != "" {
		c.Errorf("Batch that was not deleted:%s", d)
	}
	if d := diffEvents(someEvents(10), c.events(kept.ID)); d != "" {
		c.Errorf("Events of the batch that was not deleted: %s", d)
	}
	if got := c.attachment(kept.ID, "rejected"); got != "row 3" {
		c.Errorf("Attachment of the batch that was not deleted: got %q", got)
	}
}

func deleteUnknown(c *check) {
	c.want(c.st.DeleteBatch(c.Context(), c.id()), store.ErrNotFound, "DeleteBatch")
	id := c.uploaded()
	c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
	if err := c.st.DeleteBatch(c.Context(), id); err != nil && !errors.Is(err, store.ErrNotFound) {
		c.Errorf("DeleteBatch again: got error %v, want nil or %v", err, store.ErrNotFound)
	}
}

func deleteRacesRecord(c *check) {
	kept := c.someContribution(4)
	c.recorded(kept)
	for i := range raceRounds {
		id := c.upload(filled()).ID
		late := c.someContribution(i + 10)
		record := func() error { return c.st.Record(c.Context(), id, late) }
		move := func() error { return c.st.SetStatus(c.Context(), id, store.Statuses(), store.Completed, "") }
		errs := c.deletedRace(i, id, record, move, record)
		for j, call := range []string{"Record", "SetStatus", "Record"} {
			c.nilOrNotFound(errs[j], call+" concurrent with DeleteBatch")
		}
		c.gone(id, "after DeleteBatch concurrent with Record")
		c.ledgerIs("after DeleteBatch concurrent with Record", kept)
	}
}

// nilOrNotFound reports any other error of a call that races a removal.
func (c *check) nilOrNotFound(err error, call string) {
	c.Helper()
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		c.Errorf("%s: got error %v, want nil or %v", call, err, store.ErrNotFound)
	}
}

// gone reports what is left of a deleted batch.
func (c *check) gone(id, when string) {
	c.Helper()
	_, err := c.st.Batch(c.Context(), id)
	c.want(err, store.ErrNotFound, "Batch "+when)
	c.want(c.eventsError(id), store.ErrNotFound, "Events "+when)
	_, err = c.readAttachment(id, "rejected")
	c.want(err, store.ErrNotFound, "Attachment "+when)
	c.want(c.st.Record(c.Context(), id, c.someContribution(3)), store.ErrNotFound, "Record "+when)
	for _, b := range c.list(store.BatchQuery{}) {
		if b.ID == id {
			c.Errorf("Batches %s: lists the batch", when)
		}
	}
	if a, ok := store.As[store.Auditor](c.st); ok {
		_, err := a.Contribution(c.Context(), id)
		c.want(err, store.ErrNotFound, "Contribution "+when)
	}
}
