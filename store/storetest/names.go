package storetest

import (
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const erasesNames = "Retainer.EraseNames: removes names that the sender has chosen from a visible batch, in one atomic step, whatever its status: FileName becomes ErasedName, IdempotencyKey becomes empty and the key is free. Nothing else changes, Updated among it. It is safe to repeat. Errors: ErrNotFound."

func nameRules() []rule {
	return []rule{
		{"Retainer: EraseNames removes the names that are asked for", erasesNames, namesErased},
		{"Retainer: an idempotency key that was erased is free", erasesNames, erasedKeyIsFree},
		{"Retainer: Scrub changes nothing that can be read", "Retainer.Scrub: finishes what removes data. It is safe to repeat.", scrubs},
	}
}

// named commits a batch with names.
func (c *check) named(name, key string) store.Batch {
	c.Helper()
	u := filled()
	u.attach = map[string]string{"repair": "row 3"}
	u.batch = store.Batch{FileName: name, IdempotencyKey: key, KeyExpires: epoch.AddDate(0, 0, 1), SHA256: "0a", RejectedRows: 1}
	return c.upload(u)
}

func namesErased(c *check) {
	er := need[store.Retainer](c)
	for i, names := range []store.Names{{}, {FileName: true}, {IdempotencyKey: true}, {FileName: true, IdempotencyKey: true}} {
		name := awkward()[i]
		want, other := c.named(name, "key "+name), c.named(name, "other "+name)
		c.move(want.ID, store.Statuses()[i+1], "cause")
		want = c.batch(want.ID)
		if names.FileName {
			want.FileName = store.ErasedName
		}
		if names.IdempotencyKey {
			want.IdempotencyKey, want.KeyExpires = "", time.Time{}
		}
		for range 2 {
			c.must(er.EraseNames(c.Context(), want.ID, names), "EraseNames")
			if d := diffBatch(want, c.batch(want.ID)); d != "" {
				c.Errorf("Batch after EraseNames of %+v:%s", names, d)
			}
		}
		if d := diffBatch(other, c.batch(other.ID)); d != "" {
			c.Errorf("another batch after EraseNames:%s", d)
		}
		if got := c.attachment(want.ID, "repair"); got != "row 3" {
			c.Errorf("Attachment after EraseNames: got %q", got)
		}
		if d := diffEvents(someEvents(10), c.events(want.ID)); d != "" {
			c.Errorf("Events after EraseNames: %s", d)
		}
	}
	c.want(er.EraseNames(c.Context(), c.id(), store.Names{FileName: true}), store.ErrNotFound, "EraseNames of an unknown batch")
	gone := c.uploaded()
	c.must(c.st.DeleteBatch(c.Context(), gone), "DeleteBatch")
	c.want(er.EraseNames(c.Context(), gone, store.Names{IdempotencyKey: true}), store.ErrNotFound, "EraseNames of a deleted batch")
}

func erasedKeyIsFree(c *check) {
	er := need[store.Retainer](c)
	first := c.named("", "k")
	c.must(er.EraseNames(c.Context(), first.ID, store.Names{IdempotencyKey: true}), "EraseNames")
	c.idsAre("by a key that was erased", nil, c.list(store.BatchQuery{IdempotencyKey: "k"}))
	second := c.named("", "k")
	c.must(er.EraseNames(c.Context(), first.ID, store.Names{IdempotencyKey: true}), "EraseNames")
	c.idsAre("by key", []string{second.ID}, c.list(store.BatchQuery{IdempotencyKey: "k"}))
	w, b := c.prepare(keyed("k", epoch))
	_, err := w.Commit(c.Context(), b, nil)
	c.want(err, store.ErrKeyTaken, "Commit with a key that another batch has taken after it was erased")
	c.must(w.Abort(c.Context()), "Abort")
}

func scrubs(c *check) {
	er := need[store.Retainer](c)
	c.must(er.Scrub(c.Context()), "Scrub of an empty store")
	kept, gone := c.named("a", "k"), c.named("b", "l")
	mine := c.someContribution(20)
	c.must(c.st.Record(c.Context(), kept.ID, mine), "Record")
	c.move(kept.ID, store.Completed, "")
	rest := c.erase(er, kept.ID, someEvents(10), "test_id", "t-1")
	c.must(c.st.DeleteBatch(c.Context(), gone.ID), "DeleteBatch")
	underWay := c.id()
	w := c.begin(underWay)
	c.must(w.Write(c.Context(), someEvents(10)), "Write")
	c.must(w.Attach(c.Context(), "repair", []byte("row 4")), "Attach")
	want := c.batch(kept.ID)
	for range 2 {
		c.must(er.Scrub(c.Context()), "Scrub")
	}
	if d := diffBatch(want, c.batch(kept.ID)); d != "" {
		c.Errorf("Batch after Scrub:%s", d)
	}
	if d := diffEvents(rest, c.events(kept.ID)); d != "" {
		c.Errorf("Events after Scrub: %s", d)
	}
	if got := c.attachment(kept.ID, "repair"); got != "row 3" {
		c.Errorf("Attachment after Scrub: got %q", got)
	}
	c.ledgerIs("after Scrub", mine)
	b, err := w.Commit(c.Context(), store.Batch{ID: underWay, Created: epoch}, nil)
	c.must(err, "Commit of an upload that was under way during Scrub")
	if d := diffEvents(someEvents(10), c.events(b.ID)); d != "" {
		c.Errorf("Events of an upload that was under way during Scrub: %s", d)
	}
	if got := c.attachment(b.ID, "repair"); got != "row 4" {
		c.Errorf("Attachment of an upload that was under way during Scrub: got %q", got)
	}
}
