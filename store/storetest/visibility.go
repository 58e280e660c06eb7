package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func visibilityRules() []rule {
	return []rule{
		{
			"a batch is invisible before Commit",
			"Store.Begin: until the Writer has committed, the batch is invisible to all other methods but Prune.\nStore.Batch: Errors: ErrNotFound.",
			invisibleBeforeCommit,
		},
		{
			"an aborted batch leaves nothing",
			"Writer.Abort: removes what was written",
			abortLeavesNothing,
		},
		{
			"Abort after Commit does nothing",
			"Writer.Abort: does nothing to a batch that is visible: neither after a Commit that has returned nil. So it is safe to defer.",
			abortAfterCommit,
		},
		{
			"Abort ends the Writer even with a cancelled context",
			"Writer.Abort: ends the Writer in every case. If ctx has ended, the rest is left to Prune.\nStore: only Writer.Abort ends its Writer.",
			abortWithCancelledContext,
		},
		{
			"a batch becomes visible whole",
			"Writer.Commit: makes the batch durable and visible in one atomic step",
			visibleWhole,
		},
		{
			"concurrent Writers do not mix",
			"Writer: fills one new batch, alone: concurrent Writers do not mix.",
			writersSideBySide,
		},
	}
}

// invisible reports every method that knows anything of a batch.
func (c *check) invisible(id, when string) {
	c.Helper()
	ctx := c.Context()
	_, err := c.st.Batch(ctx, id)
	c.want(err, store.ErrNotFound, "Batch "+when)
	c.want(c.eventsError(id), store.ErrNotFound, "Events "+when)
	_, err = c.st.Pending(ctx, id)
	c.want(err, store.ErrNotFound, "Pending "+when)
	_, err = c.readAttachment(id, "rejected")
	c.want(err, store.ErrNotFound, "Attachment "+when)
	if slices.Contains(idsOf(c.list(store.BatchQuery{})), id) {
		c.Errorf("Batches %s: lists the batch", when)
	}
	c.want(c.st.SetStatus(ctx, id, store.Statuses(), store.Queued, ""), store.ErrNotFound, "SetStatus "+when)
	c.want(c.st.Record(ctx, id, c.someContribution(3)), store.ErrNotFound, "Record "+when)
	c.want(c.st.DeleteBatch(ctx, id), store.ErrNotFound, "DeleteBatch "+when)
	if d, ok := store.As[store.Retainer](c.st); ok {
		c.want(d.PurgeEvents(ctx, id), store.ErrNotFound, "PurgeEvents "+when)
	}
	if a, ok := store.As[store.Auditor](c.st); ok {
		_, err := a.Contribution(ctx, id)
		c.want(err, store.ErrNotFound, "Contribution "+when)
		c.want(a.Amend(ctx, id, c.someContribution(3)), store.ErrNotFound, "Amend "+when)
	}
}

func filled() upload {
	return upload{events: someEvents(10), attach: map[string]string{"rejected": "row 3"}}
}

func invisibleBeforeCommit(c *check) {
	kept := c.someContribution(5)
	c.recorded(kept)
	w, b := c.prepare(filled())
	c.invisible(b.ID, "before Commit")
	c.ledgerIs("before Commit", kept)
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit after others have asked for the batch")
	if d := diffEvents(someEvents(10), c.events(b.ID)); d != "" {
		c.Errorf("Events after Commit: %s", d)
	}
}

func abortLeavesNothing(c *check) {
	w, b := c.prepare(filled())
	c.must(w.Abort(c.Context()), "Abort")
	c.invisible(b.ID, "after Abort")
	if _, err := w.Commit(c.Context(), b, nil); err == nil {
		c.Errorf("Commit after Abort: want an error")
	}
	c.invisible(b.ID, "after Abort and Commit")
	p, err := c.st.Prune(c.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)})
	c.must(err, "Prune")
	if p != (store.Pruned{}) {
		c.Errorf("Prune after Abort: found %+v, want nothing", p)
	}
}

func abortAfterCommit(c *check) {
	w, b := c.prepare(filled())
	want, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	c.must(w.Abort(c.Context()), "Abort after Commit")
	if d := diffBatch(want, c.batch(b.ID)); d != "" {
		c.Errorf("Batch after Commit and Abort:%s", d)
	}
	if d := diffEvents(someEvents(10), c.events(b.ID)); d != "" {
		c.Errorf("Events after Commit and Abort: %s", d)
	}
}

func abortWithCancelledContext(c *check) {
	ended, cancel := context.WithCancel(c.Context())
	cancel()
	var ids []string
	for range 20 {
		w, b := c.prepare(filled())
		ids = append(ids, b.ID)
		_ = w.Abort(ended) // what is left is for Prune
	}
	for _, id := range ids {
		c.invisible(id, "after an Abort whose context had ended")
	}
	c.uploaded()
}

func writersSideBySide(c *check) {
	const writers, rounds = 8, 20
	ids := make([]string, writers)
	for i := range ids {
		ids[i] = c.id()
	}
	own := func(i int) []metrics.Event {
		return slices.DeleteFunc(someEvents(writers*rounds*10), func(e metrics.Event) bool { return int(e.Row)%writers != i })
	}
	errs := concurrently(writers, func(i int) error { return c.writeSlowly(ids[i], own(i)) })
	for i, id := range ids {
		c.must(errs[i], "fill a batch concurrent with others")
		if d := diffEvents(own(i), c.events(id)); d != "" {
			c.Errorf("Events of writer %d: %s", i, d)
		}
		if got := c.attachment(id, "id"); got != id {
			c.Errorf("Attachment of writer %d: want %q, got %q", i, id, got)
		}
	}
}

// writeSlowly commits a batch in many small Writes.
func (c *check) writeSlowly(id string, events []metrics.Event) error {
	w, err := c.st.Begin(c.Context(), id)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(events, 7) {
		if err := w.Write(c.Context(), part); err != nil {
			return err
		}
	}
	if err := w.Attach(c.Context(), "id", []byte(id)); err != nil {
		return err
	}
	_, err = w.Commit(c.Context(), store.Batch{Created: epoch}, nil)
	return err
}
