package storetest

import (
	"bytes"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

func durableRules() (rules []rule) {
	changes := []struct {
		name  string
		check func(c *check, l loss)
	}{
		{"each change survives", durableChanges},
		{"Auditor: an Amend survives", durableAmend},
		{"Deduper: a TakeKey survives", durableTakeKey},
		{"Retainer: each removal survives", durableRemovals},
	}
	for _, change := range changes {
		rules = append(rules,
			rule{change.name + " the process that is lost right after", durable, func(c *check) {
				c.needs("Reopen")
				change.check(c, loss{"the process", c.reopen})
			}},
			rule{change.name + " a loss of power right after", durable, func(c *check) {
				c.needs("PowerCut")
				st, cut := c.h.PowerCut(c.t)
				c.st = st
				change.check(c, loss{"power", func() { c.st = cut() }})
			}})
	}
	return rules
}

// loss is a way to lose what a store has not made durable.
type loss struct {
	of   string
	lose func()
}

// survives makes a change, loses what is not durable, and checks that the change
// is there.
func (c *check) survives(l loss, call string, change func() error, check func(when string)) {
	c.Helper()
	c.must(change(), call)
	l.lose()
	check("after " + call + " and the loss of " + l.of)
}

func durableChanges(c *check, l loss) {
	w, b := c.prepare(keyed("k", epoch))
	pending := c.someContribution(20)
	c.survives(l, "Commit", func() error { _, err := w.Commit(c.Context(), b, pending); return err }, func(when string) {
		c.keyIs(when, "k", epoch, b.ID)
		c.whole(b.ID, when)
		c.pendingIs(when, b.ID, pending)
	})
	c.survives(l, "SetStatus", func() error {
		return c.st.SetStatus(c.Context(), b.ID, store.Statuses(), store.Failed, "because")
	}, func(when string) {
		if got := c.batch(b.ID); got.Status != store.Failed || got.LastError != "because" {
			c.Errorf("Batch %s is %s with LastError %q", when, got.Status, got.LastError)
		}
	})
	mine := c.someContribution(30)
	c.survives(l, "Record", func() error { return c.st.Record(c.Context(), b.ID, mine) }, func(when string) {
		c.ledgerIs(when, mine)
	})
	c.survives(l, "DeleteBatch", func() error { return c.st.DeleteBatch(c.Context(), b.ID) }, func(when string) {
		c.gone(b.ID, when)
		c.ledgerIs(when)
	})
	pruned := c.upload(filled()).ID
	c.survives(l, "Prune", func() error {
		_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: epoch.Add(time.Hour)})
		return err
	}, func(when string) { c.gone(pruned, when) })
}

func durableAmend(c *check, l loss) {
	need[store.Auditor](c)
	id := c.recorded(c.someContribution(30))
	want := c.someContribution(40)
	c.survives(l, "Amend", func() error { return need[store.Auditor](c).Amend(c.Context(), id, want) }, func(when string) {
		c.ledgerIs(when, want)
	})
}

func durableTakeKey(c *check, l loss) {
	need[store.Deduper](c)
	id, other := c.upload(keyed("own", epoch)).ID, c.upload(filled()).ID
	c.survives(l, "TakeKey", func() error {
		return need[store.Deduper](c).TakeKey(c.Context(), id, "k", epoch.Add(keyTime), epoch)
	}, func(when string) {
		c.keyIs(when, "k", epoch, id)
		c.keysAre(when, id, "k", "own")
		c.refuseKey(when, other, "k", epoch)
	})
}

func durableRemovals(c *check, l loss) {
	need[store.Retainer](c)
	mine, content := c.someContribution(30), bytes.Repeat([]byte("x"), 200_000)
	id := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), id, mine), "Record")
	c.move(id, store.Completed, "")
	c.survives(l, "ReplaceAttachment", func() error {
		return need[store.Retainer](c).ReplaceAttachment(c.Context(), id, "rejected", pieces(content, 70_000))
	}, func(when string) {
		if got := c.attachment(id, "rejected"); got != string(content) {
			c.Errorf("Attachment %s: got %d bytes, want %d", when, len(got), len(content))
		}
	})
	c.survives(l, "Erase", func() error {
		_, err := need[store.Retainer](c).Erase(c.Context(), id, store.Erasure{ID: "one", Field: "test_id", Value: "t-1"})
		return err
	}, func(when string) {
		if d := diffEvents(without(someEvents(10), "test_id", "t-1"), c.events(id)); d != "" {
			c.Errorf("Events %s: %s", when, d)
		}
	})
	c.survives(l, "PurgeEvents", func() error { return need[store.Retainer](c).PurgeEvents(c.Context(), id) }, func(when string) {
		c.want(c.eventsError(id), store.ErrEventsPurged, "Events "+when)
	})
	c.survives(l, "Archive", func() error { return need[store.Retainer](c).Archive(c.Context(), id) }, func(when string) {
		c.gone(id, when)
		c.ledgerIs(when, mine)
	})
}
