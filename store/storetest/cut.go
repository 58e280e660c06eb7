package storetest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const unavailable = "Store: while the database cannot be reached, each method and iterator returns ErrUnavailable, unless its ctx ends first. When it can be reached again, the same Store works."

func cutRules() []rule {
	return []rule{
		{"a database that cannot be reached is ErrUnavailable until it is back", unavailable, cutHeals},
	}
}

// unavailableNow calls methods concurrently, because each may try for some time.
func (c *check) unavailableNow(methods map[string]func() error) {
	c.Helper()
	names := slices.Sorted(maps.Keys(methods))
	errs := concurrently(len(names), func(i int) error { return methods[names[i]]() })
	for i, err := range errs {
		c.want(err, store.ErrUnavailable, names[i]+" without the database")
	}
}

func cutHeals(c *check) {
	c.needs("Cut")
	id := c.upload(filled()).ID
	kept := c.someContribution(200)
	c.must(c.st.Record(c.Context(), id, kept), "Record")
	c.move(id, store.Completed, "")
	want := c.batch(id)
	w, b := c.prepare(filled())

	restore := c.h.Cut(c.t, c.st)
	methods := c.allMethods(c.Context(), id)
	methods["Commit"] = func() error { _, err := w.Commit(c.Context(), b, nil); return err }
	c.unavailableNow(methods)
	ended, cancel := context.WithCancel(c.Context())
	cancel()
	for name, f := range c.allMethods(ended, id) {
		c.wantEnded(f(), context.Canceled, name+" without the database and with a cancelled context")
	}
	restore()

	c.pingSoon()
	if d := diffBatch(want, c.batch(id)); d != "" {
		c.Errorf("Batch after the database is back:%s", d)
	}
	c.whole(id, "after the database is back")
	c.ledgerIs("after the database is back", kept)
	c.committedOrNot(w, b)
	c.must(w.Abort(c.Context()), "Abort after the database is back")
	c.uploaded()
}

// pingSoon waits until the store has connected again.
func (c *check) pingSoon() {
	c.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		err := c.st.Ping(c.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("Ping a minute after the database is back: %v", err)
		}
	}
}
