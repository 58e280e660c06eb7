package storetest

import (
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const erasesNames = "Retainer.EraseNames: removes names that the sender has chosen from a visible batch, in one atomic step, whatever its status: FileName becomes ErasedName, IdempotencyKey becomes empty, and all keys of the batch are free: it and those of Deduper.TakeKey. Nothing else changes, Updated among it. It is safe to repeat. Errors: ErrNotFound."

func nameRules() []rule {
	return []rule{
		{"Retainer: EraseNames removes the names that are asked for", erasesNames, namesErased},
		{"Retainer: an idempotency key that was erased is free", erasesNames, erasedKeyIsFree},
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
	c.keyIs("of a key that was erased", "k", epoch, "")
	second := c.named("", "k")
	c.must(er.EraseNames(c.Context(), first.ID, store.Names{IdempotencyKey: true}), "EraseNames")
	c.keyIs("of a key that another batch has then", "k", epoch, second.ID)
	w, b := c.prepare(keyed("k", epoch))
	_, err := w.Commit(c.Context(), b, nil)
	c.want(err, store.ErrKeyTaken, "Commit with a key that another batch has taken after it was erased")
	c.must(w.Abort(c.Context()), "Abort")
}
