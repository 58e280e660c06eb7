package storetest

import (
	"github.com/eventmetrics/eventmetrics/store"
)

func purgeRules() []rule {
	return []rule{
		{"Retainer: PurgeEvents removes the events and keeps the rest", "Retainer.PurgeEvents: removes the raw events of a completed batch and sets Batch.EventsPurged. The contribution stays. It does nothing if the events were purged before.", purges},
		{"Retainer: only a completed batch is purged", "Retainer.PurgeEvents: Errors: ErrNotFound; ErrConflict when the batch is not completed, even if its events were purged before.", purgeConflict},
	}
}

func purges(c *check) {
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
		c.must(s.PurgeEvents(c.Context(), id), "PurgeEvents")
		if d := diffBatch(want, c.batch(id)); d != "" {
			c.Errorf("Batch after PurgeEvents:%s", d)
		}
		c.want(c.eventsError(id), store.ErrEventsPurged, "Events after PurgeEvents")
		c.ledgerIs("after PurgeEvents", mine, other)
	}
	if d := diffEvents(someEvents(10), c.events(kept)); d != "" {
		c.Errorf("Events of a batch that was not purged: %s", d)
	}
	c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch of a purged batch")
	c.gone(id, "after PurgeEvents and DeleteBatch")
	c.ledgerIs("after PurgeEvents and DeleteBatch", other)
}

func purgeConflict(c *check) {
	s := need[store.Retainer](c)
	c.want(s.PurgeEvents(c.Context(), c.id()), store.ErrNotFound, "PurgeEvents of an unknown batch")
	for _, status := range allBut(store.Completed) {
		id := c.upload(filled()).ID
		c.move(id, status, "")
		want := c.batch(id)
		c.want(s.PurgeEvents(c.Context(), id), store.ErrConflict, "PurgeEvents of a batch that is "+string(status))
		if d := diffBatch(want, c.batch(id)); d != "" {
			c.Errorf("Batch after ErrConflict:%s", d)
		}
		if d := diffEvents(someEvents(10), c.events(id)); d != "" {
			c.Errorf("Events after ErrConflict: %s", d)
		}
	}
}
