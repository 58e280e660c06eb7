package storetest

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const inspects = "Inspector.Inspect: checks a part of what the store keeps: the part that begins at a place, or the first part if it is empty. Going on at Inspection.Next until that is empty checks everything but the events of completed batches, which an audit recounts."

func inspectRules() []rule {
	return []rule{
		{"Inspector: Inspect finds no damage where there is none", inspects + "\nInspector.Inspect: Inspect changes nothing and repairs nothing.", inspectSound},
		{"Inspector: Inspect finds no damage while the store changes", inspects + "\nInspector.Inspect: a place stays valid when the store changes.", inspectChanging},
		{"Inspector: Inspect names the batch that is damaged", inspects + "\nInspector.Inspect: what is damaged is in the answer and no error.", inspectDamaged},
	}
}

// inspectAll inspects the whole store, with a change between any two parts.
func (c *check) inspectAll(in store.Inspector, between func()) (damages []store.Damage) {
	c.Helper()
	place := ""
	for range 10_000 {
		part, err := in.Inspect(c.Context(), place)
		c.must(err, "Inspect")
		damages = append(damages, part.Damages...)
		if place = part.Next; place == "" {
			return damages
		}
		between()
	}
	c.Fatalf("Inspect has no end after 10,000 parts; the next begins at %q", place)
	return nil
}

func (c *check) noDamage(when string, damages []store.Damage) {
	c.Helper()
	if len(damages) > 0 {
		c.Errorf("Inspect %s: got %d damages, want none; the first is %+v", when, len(damages), damages[0])
	}
}

// filledLedger has batches in every state, some of them changed or removed.
func (c *check) filledLedger() *ledger {
	c.Helper()
	l := c.newLedger(c.random())
	for range c.scaled(60) {
		l.uploaded = append(l.uploaded, c.uploaded())
		c.must(l.step(), "a random step")
	}
	b := c.named("a", "k")
	if d, ok := store.As[store.Deduper](c.st); ok {
		c.must(d.TakeKey(c.Context(), b.ID, "further", time.Now().Add(time.Hour), time.Now()), "TakeKey")
	}
	if r, ok := store.As[store.Retainer](c.st); ok {
		id := c.upload(filled()).ID
		c.must(c.st.Record(c.Context(), id, c.someContribution(20)), "Record")
		l.recorded[id] = c.someContribution(20)
		c.erase(r, id, someEvents(10), "test_id", "t-1")
		c.move(id, store.Completed, "")
		c.must(r.PurgeEvents(c.Context(), id), "PurgeEvents")
	}
	return l
}

func inspectSound(c *check) {
	in := need[store.Inspector](c)
	c.noDamage("of an empty store", c.inspectAll(in, func() {}))
	l := c.filledLedger()
	before := c.list(store.BatchQuery{})
	for range 2 {
		c.noDamage("of a sound store", c.inspectAll(in, func() {}))
	}
	if after := c.list(store.BatchQuery{}); !slices.Equal(before, after) {
		c.Errorf("Batches after Inspect: got %+v, want %+v", after, before)
	}
	c.ledgerIs("after Inspect", l.sum()...)
}

func inspectChanging(c *check) {
	in := need[store.Inspector](c)
	l := c.filledLedger()
	c.noDamage("with changes between its parts", c.inspectAll(in, func() {
		l.uploaded = append(l.uploaded, c.uploaded())
		c.must(l.step(), "a random step")
	}))
	const steps = 2 * raceRounds
	for range steps {
		l.uploaded = append(l.uploaded, c.uploaded())
	}
	var done atomic.Bool
	var damages []store.Damage
	for _, err := range concurrently(2, func(i int) error {
		if i == 0 {
			defer done.Store(true)
			for range steps {
				if err := l.step(); err != nil {
					return err
				}
			}
			return nil
		}
		for place := ""; !done.Load(); {
			part, err := in.Inspect(c.Context(), place)
			if err != nil {
				return err
			}
			damages = append(damages, part.Damages...)
			place = part.Next
		}
		return nil
	}) {
		c.must(err, "Inspect concurrent with random steps")
	}
	c.noDamage("concurrent with changes", damages)
}

func inspectDamaged(c *check) {
	c.needs("Damage")
	in := need[store.Inspector](c)
	c.filledLedger()
	id := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), id, metrics.Contribution{}), "Record")
	c.h.Damage(c.t, c.st, id)
	damages := c.inspectAll(in, func() {})
	if !slices.ContainsFunc(damages, func(d store.Damage) bool { return d.BatchID == id && d.Err != "" && d.Part != "" }) {
		c.Errorf("Inspect after Harness.Damage of batch %s: got %+v, want a Damage of the batch", id, damages)
	}
}
