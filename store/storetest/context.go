package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const cancelled = "Store: after its ctx has ended, a method or iterator returns an error for which errors.Is(err, ctx.Err()) holds and errors.Is(err, ErrUnavailable) does not, also between two elements. A method that is called with such a ctx changes nothing."

func contextRules() []rule {
	return []rule{
		{"a method whose context has ended fails and does nothing", cancelled, contextEnded},
		{"a call of a Writer whose context has ended fails", cancelled + "\nWriter.Commit: After an error the batch is not visible, or Commit may be called again with the same arguments until it returns nil.", contextEndedWriter},
		{"a Writer goes on when the context of an earlier call has ended", "Writer: the context of a call may end as soon as the call has returned.", writerOutlivesContexts},
		{"an iterator whose context ends stops", cancelled, contextEndsIterator},
	}
}

// wantEnded reports an error that is not that of an ended context.
func (c *check) wantEnded(err, ended error, call string) {
	c.Helper()
	c.want(err, ended, call)
	if errors.Is(err, store.ErrUnavailable) {
		c.Errorf("%s: the error is %v too: %v", call, store.ErrUnavailable, err)
	}
}

func contextEnded(c *check) {
	kept := c.someContribution(5)
	id := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), id, kept), "Record")
	c.move(id, store.Completed, "")
	cancelled, cancel := context.WithCancel(c.Context())
	cancel()
	late, cancel := context.WithDeadline(c.Context(), epoch)
	defer cancel()
	want := c.batch(id)
	for _, ctx := range []context.Context{cancelled, late} {
		for call, f := range c.allMethods(ctx, id) {
			c.wantEnded(f(), ctx.Err(), call+" with a context that has ended")
		}
	}
	if d := diffBatch(want, c.batch(id)); d != "" {
		c.Errorf("Batch after methods whose context had ended:%s", d)
	}
	c.whole(id, "after methods whose context had ended")
	c.ledgerIs("after methods whose context had ended", kept)
}

// allMethods are the methods of the store as functions that return the error.
func (c *check) allMethods(ctx context.Context, id string) map[string]func() error {
	ranged := func(r ranger) func() error {
		return func() error { _, err := c.count(r); return err }
	}
	all := map[string]func() error{
		"Begin":        func() error { _, err := c.st.Begin(ctx, c.id()); return err },
		"Batch":        func() error { _, err := c.st.Batch(ctx, id); return err },
		"Batches":      func() error { _, err := c.st.Batches(ctx, store.BatchQuery{}); return err },
		"CountBatches": func() error { _, err := c.st.CountBatches(ctx, 1); return err },
		"BatchOfKey":   func() error { _, err := c.st.BatchOfKey(ctx, "k", epoch); return err },
		"SetStatus":    func() error { return c.st.SetStatus(ctx, id, store.Statuses(), store.Failed, "x") },
		"Ping":         func() error { return c.st.Ping(ctx) },
		"Pending":      func() error { _, err := c.st.Pending(ctx, id); return err },
		"Record":       func() error { return c.st.Record(ctx, id, c.someContribution(6)) },
		"DeleteBatch":  func() error { return c.st.DeleteBatch(ctx, id) },
		"Prune": func() error {
			_, err := c.st.Prune(ctx, store.PruneQuery{Before: time.Now().Add(time.Hour)})
			return err
		},
		"Events":     ranged(ranger{"Events", boxed(c.st.Events(ctx, id))}),
		"Attachment": ranged(ranger{"Attachment", boxed(c.st.Attachment(ctx, id, "rejected"))}),
		"DayCounts":  ranged(ranger{"DayCounts", boxed(c.st.DayCounts(ctx, everything))}),
	}
	c.optionalMethods(ctx, id, all)
	return all
}

func (c *check) optionalMethods(ctx context.Context, id string, all map[string]func() error) {
	if a, ok := store.As[store.Auditor](c.st); ok {
		all["Contribution"] = func() error { _, err := a.Contribution(ctx, id); return err }
		all["Amend"] = func() error { return a.Amend(ctx, id, c.someContribution(6)) }
		all["Rebuild"] = func() error { return a.Rebuild(ctx) }
	}
	if d, ok := store.As[store.Deduper](c.st); ok {
		all["Claim"] = func() error { _, err := d.Claim(ctx, id, fpsOf(0, 1)); return err }
		all["Owners"] = func() error { _, err := d.Owners(ctx, fpsOf(0, 1)); return err }
		all["TakeKey"] = func() error { return d.TakeKey(ctx, id, "k", epoch.Add(time.Hour), epoch) }
		all["Keys"] = func() error { _, err := d.Keys(ctx, id); return err }
	}
	if e, ok := store.As[store.Explainer](c.st); ok {
		r := ranger{"Explain", boxed(e.Explain(ctx, metrics.DayOf(epoch), "left"))}
		all["Explain"] = func() error { _, err := c.count(r); return err }
	}
	if s, ok := store.As[store.Retainer](c.st); ok {
		c.retainerMethods(ctx, s, id, all)
	}
}

func (c *check) retainerMethods(ctx context.Context, r store.Retainer, id string, all map[string]func() error) {
	all["PurgeEvents"] = func() error { return r.PurgeEvents(ctx, id) }
	all["UnpurgedDays"] = func() error { _, err := r.UnpurgedDays(ctx, 0, 0); return err }
	all["Archive"] = func() error { return r.Archive(ctx, id) }
	all["ReplaceAttachment"] = func() error {
		return r.ReplaceAttachment(ctx, id, "rejected", pieces([]byte("other"), 2))
	}
	all["EraseNames"] = func() error { return r.EraseNames(ctx, id, store.Names{FileName: true}) }
	all["Scrub"] = func() error { return r.Scrub(ctx) }
	all["Erase"] = func() error {
		_, err := r.Erase(ctx, id, store.Erasure{ID: "one", Field: "test_id", Value: "t-1"})
		return err
	}
}

func contextEndedWriter(c *check) {
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	w, b := c.prepare(filled())
	_, err := w.Commit(ctx, b, nil)
	c.wantEnded(err, context.Canceled, "Commit with a cancelled context")
	c.committedOrNot(w, b)

	w, _ = c.prepare(filled())
	c.wantEnded(w.Write(ctx, someEvents(1)), context.Canceled, "Write with a cancelled context")
	c.must(w.Abort(c.Context()), "Abort")
	w, _ = c.prepare(filled())
	c.wantEnded(w.Attach(ctx, "rejected", []byte("x")), context.Canceled, "Attach with a cancelled context")
	c.must(w.Abort(c.Context()), "Abort")
}

// writerOutlivesContexts gives each call a context of its own, which ends with
// the call.
func writerOutlivesContexts(c *check) {
	call := func(f func(context.Context) error) {
		c.Helper()
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		c.must(f(ctx), "a call with a context of its own")
	}
	id, total := c.id(), c.scaled(50_000)
	var w store.Writer
	call(func(ctx context.Context) (err error) { w, err = c.st.Begin(ctx, id); return err })
	for i := 0; i < total; {
		var part []metrics.Event
		for range min(777, total-i) {
			part = append(part, eventAt(i))
			i++
		}
		call(func(ctx context.Context) error { return w.Write(ctx, part) })
	}
	call(func(ctx context.Context) error { return w.Attach(ctx, "rejected", []byte("row 3")) })
	call(func(ctx context.Context) error { _, err := w.Commit(ctx, store.Batch{Created: epoch}, nil); return err })
	i := 0
	c.must(drain(c, "Events", c.st.Events(c.Context(), id), func(metrics.Event) { i++ }), "Events")
	if i != total {
		c.Errorf("Events: got %d of %d", i, total)
	}
}

// committedOrNot checks the promise of Commit after an error: the batch is not
// visible, or Commit may be called again.
func (c *check) committedOrNot(w store.Writer, b store.Batch) {
	c.Helper()
	if _, err := c.st.Batch(c.Context(), b.ID); err != nil {
		c.invisible(b.ID, "after an error of Commit")
	}
	if _, err := w.Commit(c.Context(), b, nil); err != nil {
		c.invisible(b.ID, "after two errors of Commit")
		return
	}
	if d := diffEvents(someEvents(10), c.events(b.ID)); d != "" {
		c.Errorf("Events after a second Commit: %s", d)
	}
}

func contextEndsIterator(c *check) {
	w, b := c.unfinished()
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	for range 3 { // so that Explain has several
		c.recorded(c.someContribution(200))
	}
	for i := range c.rangers(c.Context(), b.ID) {
		ctx, cancel := context.WithCancel(c.Context())
		r := c.rangers(ctx, b.ID)[i]
		all, err := c.count(c.rangers(c.Context(), b.ID)[i])
		c.must(err, r.call)
		n := 0
		err = drain(c, r.call, r.seq, func(any) {
			n++
			cancel()
		})
		cancel()
		if all > 1 || err != nil { // the only element may be the last
			c.wantEnded(err, context.Canceled, r.call+" whose context ends within the range")
		}
		if all > 1 && n == all {
			c.Errorf("%s whose context ended after the first: still got all %d", r.call, n)
		}
	}
}
