package storetest

import (
	"context"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const iterators = "Store: an iterator does nothing before it is ranged over, yields at most one error, which is then the last element, and releases its resources on break. Each range runs the query again."

func iteratorRules() []rule {
	return []rule{
		{"each range over an iterator runs the query again", iterators, iteratorsQueryAgain},
		{"an iterator releases its resources on break", iterators, iteratorsBreak},
		{"the store works while an iterator is open", "Store: a method may be called inside a range over an iterator of the same Store", iteratorsOpen},
	}
}

// ranger is an iterator of a store, whatever it yields.
type ranger struct {
	call string
	seq  iter.Seq2[any, error]
}

func boxed[T any](seq iter.Seq2[T, error]) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for v, err := range seq {
			if !yield(v, err) {
				return
			}
		}
	}
}

// rangers returns each iterator of the store, not yet ranged over.
func (c *check) rangers(ctx context.Context, id string) []ranger {
	all := []ranger{
		{"Events", boxed(c.st.Events(ctx, id))},
		{"Attachment", boxed(c.st.Attachment(ctx, id, "rejected"))},
		{"DayCounts", boxed(c.st.DayCounts(ctx, everything))},
	}
	if e, ok := store.As[store.Explainer](c.st); ok {
		all = append(all, ranger{"Explain", boxed(e.Explain(ctx, metrics.DayOf(epoch), "left"))})
	}
	return all
}

// count ranges over one and returns how much there was.
func (c *check) count(r ranger) (int, error) {
	c.Helper()
	n := 0
	err := drain(c, r.call, r.seq, func(any) { n++ })
	return n, err
}

func iteratorsQueryAgain(c *check) {
	w, b := c.prepare(filled())
	open := c.rangers(c.Context(), b.ID)
	c.must(c.countAll(open, false), "range before Commit")
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	c.must(c.st.Record(c.Context(), b.ID, c.someContribution(200)), "Record")
	for range 2 {
		c.must(c.countAll(open, true), "range after Record")
	}
	c.must(c.st.DeleteBatch(c.Context(), b.ID), "DeleteBatch")
	c.must(c.countAll(open, false), "range after DeleteBatch")
}

// countAll reports an iterator that does not show the present: something if
// the batch is there, and nothing or ErrNotFound if not.
func (c *check) countAll(open []ranger, there bool) error {
	c.Helper()
	for _, r := range open {
		n, err := c.count(r)
		switch {
		case there && err != nil:
			return err
		case there != (n > 0):
			c.Errorf("%s, made before the batch was committed, ranged over again: got %d elements; the batch is there: %t", r.call, n, there)
		}
	}
	return nil
}

func iteratorsBreak(c *check) {
	id := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), id, c.someContribution(200)), "Record")
	for range c.scaled(300) {
		for _, r := range c.rangers(c.Context(), id) {
			for _, err := range r.seq {
				c.must(err, r.call+" after many breaks")
				break
			}
		}
	}
	for _, r := range c.rangers(c.Context(), id) {
		n, err := c.count(r)
		c.must(err, r.call+" after many breaks")
		if n == 0 {
			c.Errorf("%s after many breaks: got nothing", r.call)
		}
	}
	c.uploaded()
}

func iteratorsOpen(c *check) {
	id := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), id, c.someContribution(200)), "Record")
	for _, r := range c.rangers(c.Context(), id) {
		n := 0
		for _, err := range r.seq {
			c.must(err, r.call)
			if n++; n > 3 {
				continue
			}
			other := c.recorded(c.someContribution(2))
			c.move(other, store.Completed, "")
			if got := len(c.events(other)); got != 1 {
				c.Errorf("Events within a range over %s: got %d, want 1", r.call, got)
			}
			c.must(c.st.DeleteBatch(c.Context(), other), "DeleteBatch within a range over "+r.call)
		}
	}
}
