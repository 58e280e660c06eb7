package storetest

import (
	"bytes"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

func durableRules() []rule {
	return []rule{
		{"each change survives the process that is lost right after", durable, durableChanges},
		{"Auditor: an Amend survives the process that is lost right after", durable, durableAmend},
		{"Retainer: each removal survives the process that is lost right after", durable, durableRemovals},
	}
}

// survives makes a change, loses the process, and checks that the change is
// there.
func (c *check) survives(call string, change func() error, check func(when string)) {
	c.Helper()
	c.must(change(), call)
	c.reopen()
	check("after " + call + " and the loss of the process")
}

func durableChanges(c *check) {
	c.needs("Reopen")
	w, b := c.prepare(keyed("k", epoch))
	pending := c.someContribution(20)
	c.survives("Commit", func() error { _, err := w.Commit(c.Context(), b, pending); return err }, func(when string) {
		c.idsAre("by key "+when, []string{b.ID}, c.list(store.BatchQuery{IdempotencyKey: "k"}))
		c.whole(b.ID, when)
		c.pendingIs(when, b.ID, pending)
	})
	c.survives("SetStatus", func() error {
		return c.st.SetStatus(c.Context(), b.ID, store.Statuses(), store.Failed, "because")
	}, func(when string) {
		if got := c.batch(b.ID); got.Status != store.Failed || got.LastError != "because" {
			c.Errorf("Batch %s is %s with LastError %q", when, got.Status, got.LastError)
		}
	})
	mine := c.someContribution(30)
	c.survives("Record", func() error { return c.st.Record(c.Context(), b.ID, mine) }, func(when string) {
		c.ledgerIs(when, mine)
	})
	c.survives("DeleteBatch", func() error { return c.st.DeleteBatch(c.Context(), b.ID) }, func(when string) {
		c.gone(b.ID, when)
		c.ledgerIs(when)
	})
	pruned := c.upload(filled()).ID
	c.survives("Prune", func() error {
		_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: epoch.Add(time.Hour)})
		return err
	}, func(when string) { c.gone(pruned, when) })
}

func durableAmend(c *check) {
	c.needs("Reopen")
	need[store.Auditor](c)
	id := c.recorded(c.someContribution(30))
	want := c.someContribution(40)
	c.survives("Amend", func() error { return need[store.Auditor](c).Amend(c.Context(), id, want) }, func(when string) {
		c.ledgerIs(when, want)
	})
}

func durableRemovals(c *check) {
	c.needs("Reopen")
	need[store.Retainer](c)
	mine, content := c.someContribution(30), bytes.Repeat([]byte("x"), 200_000)
	id := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), id, mine), "Record")
	c.move(id, store.Completed, "")
	c.survives("ReplaceAttachment", func() error {
		return need[store.Retainer](c).ReplaceAttachment(c.Context(), id, "rejected", pieces(content, 70_000))
	}, func(when string) {
		if got := c.attachment(id, "rejected"); got != string(content) {
			c.Errorf("Attachment %s: got %d bytes, want %d", when, len(got), len(content))
		}
	})
	c.survives("Erase", func() error {
		_, err := need[store.Retainer](c).Erase(c.Context(), id, store.Erasure{ID: "one", Field: "test_id", Value: "t-1"})
		return err
	}, func(when string) {
		if d := diffEvents(without(someEvents(10), "test_id", "t-1"), c.events(id)); d != "" {
			c.Errorf("Events %s: %s", when, d)
		}
	})
	c.survives("PurgeEvents", func() error { return need[store.Retainer](c).PurgeEvents(c.Context(), id) }, func(when string) {
		c.want(c.eventsError(id), store.ErrEventsPurged, "Events "+when)
	})
	c.survives("Archive", func() error { return need[store.Retainer](c).Archive(c.Context(), id) }, func(when string) {
		c.gone(id, when)
		c.ledgerIs(when, mine)
	})
}
