package storetest

import (
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const pendingIs = "Store.Pending: returns the contribution that Commit was given, until Record has entered one into the ledger; then it returns nil."

func pendingRules() []rule {
	return []rule{
		{"Pending returns what Commit was given", pendingIs + " It also returns nil if Commit was given none. The contribution belongs to the caller.", pendingReturns},
		{"Commit does not change or keep the pending contribution", "Writer.Commit: the contribution is the sum of the events, and may be nil; the store keeps a copy for Pending", pendingKeepsNothing},
		{"a pending contribution does not count", "Writer.Commit: the store keeps a copy for Pending, and does not count it.", pendingDoesNotCount},
		{"Record removes the pending contribution", "Store.Record: it removes the pending contribution", recordRemovesPending},
		{"a removed batch has no pending contribution", "Store.Pending: Errors: ErrNotFound", pendingIsRemoved},
		{"the pending contribution survives the process", durable, pendingSurvives},
	}
}

// pendingOf reads the pending contribution of a batch that must be there.
func (c *check) pendingOf(id string) metrics.Contribution {
	c.Helper()
	got, err := c.st.Pending(c.Context(), id)
	c.must(err, "Pending")
	return got
}

// pendingIs reports a pending contribution that is not the wanted one, and
// writes over it.
func (c *check) pendingIs(when, id string, want metrics.Contribution) {
	c.Helper()
	got := c.pendingOf(id)
	if d := diffDayCounts(want, got); d != "" {
		c.Errorf("Pending %s: %s", when, d)
	}
	scribble(got)
}

// manyTypes returns a contribution whose encoding is larger than the documents
// and pages of databases.
func (c *check) manyTypes() metrics.Contribution {
	c.Helper()
	var events []metrics.Event
	for i := range c.scaled(60_000) {
		e := eventAt(i)
		e.Type = fmt.Sprintf("%s-%d", e.Type, i%50)
		events = append(events, e)
	}
	return c.contributionOf(events)
}

func pendingReturns(c *check) {
	want := map[string]metrics.Contribution{}
	for _, n := range []int{0, 1, 30, 2000} {
		sum := c.someContribution(n)
		want[c.upload(upload{events: someEvents(1), pending: sum}).ID] = sum
	}
	large := c.manyTypes()
	want[c.upload(upload{pending: large}).ID] = large
	for id, sum := range want {
		c.pendingIs("after Commit", id, sum)
		c.pendingIs("after the caller has written over an earlier answer", id, sum)
		c.move(id, store.Processing, "")
		c.pendingIs("after SetStatus", id, sum)
	}
}

func pendingKeepsNothing(c *check) {
	mine := c.someContribution(10)
	want := clone(mine)
	id := c.upload(upload{pending: mine}).ID
	if d := diffDayCounts(want, mine); d != "" {
		c.Errorf("Commit changed the contribution that it was given: %s", d)
	}
	scribble(mine)
	c.pendingIs("after the caller has written over what it committed", id, want)
}

func pendingDoesNotCount(c *check) {
	id := c.upload(upload{pending: c.someContribution(10)}).ID
	c.ledgerIs("after Commit with a contribution")
	if a, ok := store.As[store.Auditor](c.st); ok {
		_, err := a.Contribution(c.Context(), id)
		c.want(err, store.ErrNotFound, "Contribution of a batch whose contribution is pending")
	}
}

func recordRemovesPending(c *check) {
	other := c.upload(upload{pending: c.someContribution(30)}).ID
	attached := map[string]string{"rejected": "rows", "pending": "p", "contribution": "c"}
	id := c.upload(upload{pending: c.someContribution(10), attach: attached}).ID
	recorded := c.someContribution(20)
	for range 2 {
		c.must(c.st.Record(c.Context(), id, recorded), "Record")
		c.ledgerIs("after Record of another contribution than the pending one", recorded)
		if got := c.pendingOf(id); len(got) > 0 {
			c.Errorf("Pending after Record: still there, with %d entries", len(got))
		}
	}
	c.pendingIs("of another batch, after Record", other, c.someContribution(30))
	for name, content := range attached {
		if got := c.attachment(id, name); got != content {
			c.Errorf("Attachment %q after Record: want %q, got %q", name, content, got)
		}
	}
}

func pendingIsRemoved(c *check) {
	_, err := c.st.Pending(c.Context(), c.id())
	c.want(err, store.ErrNotFound, "Pending of an unknown batch")
	w, b := c.prepare(upload{events: someEvents(1)})
	_, err = c.st.Pending(c.Context(), b.ID)
	c.want(err, store.ErrNotFound, "Pending before Commit")
	c.must(w.Abort(c.Context()), "Abort")
	deleted, pruned := upload{pending: c.someContribution(3)}, upload{pending: c.someContribution(3)}
	ids := []string{c.upload(deleted).ID, c.upload(pruned).ID}
	c.must(c.st.DeleteBatch(c.Context(), ids[0]), "DeleteBatch")
	_, err = c.st.Prune(c.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)})
	c.must(err, "Prune")
	for i, what := range []string{"deleted", "pruned"} {
		_, err := c.st.Pending(c.Context(), ids[i])
		c.want(err, store.ErrNotFound, "Pending of a batch that was "+what)
	}
}

func pendingSurvives(c *check) {
	c.needs("Reopen")
	sum := c.someContribution(100)
	id := c.upload(upload{events: someEvents(5), pending: sum}).ID
	c.reopen()
	c.pendingIs("after the loss of the process", id, sum)
	c.must(c.st.Record(c.Context(), id, sum), "Record")
	c.reopen()
	if got := c.pendingOf(id); len(got) > 0 {
		c.Errorf("Pending after Record and the loss of the process: still there, with %d entries", len(got))
	}
}
