package storetest

import (
	"github.com/eventmetrics/eventmetrics/store"
)

const idIsNew = "Store.Begin: The id must be new. ErrIDTaken when a batch or another Writer has the id, or an archived batch had it."

func beginRules() []rule {
	return []rule{
		{"Begin of an id that is taken is ErrIDTaken", idIsNew, beginTaken},
		{"Retainer: Begin of an id that an archived batch had is ErrIDTaken", idIsNew, beginArchived},
	}
}

// taken reports a Begin that does not refuse an id.
func (c *check) taken(what, id string) {
	c.Helper()
	w, err := c.st.Begin(c.Context(), id)
	c.want(err, store.ErrIDTaken, "Begin with the id of "+what)
	if err == nil {
		c.must(w.Abort(c.Context()), "Abort")
	}
}

func beginTaken(c *check) {
	w, b := c.prepare(filled())
	c.taken("another Writer", b.ID)
	for _, status := range store.Statuses() {
		id := c.upload(filled()).ID
		c.move(id, status, "")
		want := c.batch(id)
		c.taken("a batch that is "+string(status), id)
		if d := diffBatch(want, c.batch(id)); d != "" {
			c.Errorf("Batch after Begin with its id:%s", d)
		}
		c.whole(id, "after Begin with its id")
	}
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit after Begin with the id of its Writer")
	c.whole(b.ID, "after Begin with the id of its Writer")
}

func beginArchived(c *check) {
	mine := c.someContribution(30)
	id := c.purged(mine)
	c.taken("a purged batch", id)
	c.must(need[store.Retainer](c).Archive(c.Context(), id), "Archive")
	c.taken("an archived batch", id)
	c.ledgerIs("after Begin with the id of an archived batch", mine)
}

// whole reports what is missing of a batch that was filled.
func (c *check) whole(id, when string) {
	c.Helper()
	if d := diffEvents(someEvents(10), c.events(id)); d != "" {
		c.Errorf("Events %s: %s", when, d)
	}
	if got := c.attachment(id, "rejected"); got != "row 3" {
		c.Errorf("Attachment %s: got %q", when, got)
	}
}
