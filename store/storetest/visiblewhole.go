package storetest

import (
	"errors"
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// visibleWhole has readers wait for a batch, who read it the moment it is there.
func visibleWhole(c *check) {
	const readers, n = 2, 2100 // several pieces, and more than a page of a query
	for range raceRounds {
		w, b := c.prepare(upload{events: someEvents(n), attach: map[string]string{"rejected": "row 3"}})
		ended := make(chan struct{})
		errs := concurrently(readers+1, func(i int) error {
			if i > 0 {
				return c.readAtOnce(b.ID, n, ended)
			}
			defer close(ended)
			_, err := w.Commit(c.Context(), b, nil)
			return err
		})
		for _, err := range errs {
			c.must(err, "a reader concurrent with Commit, or Commit")
		}
		// Some databases read the events of all batches to find those of one.
		c.must(c.st.DeleteBatch(c.Context(), b.ID), "DeleteBatch")
	}
}

// readAtOnce reads a batch as soon as it is visible.
func (c *check) readAtOnce(id string, n int, ended <-chan struct{}) error {
	for last := false; ; {
		_, err := c.st.Batch(c.Context(), id)
		if err == nil {
			break
		}
		if last || !errors.Is(err, store.ErrNotFound) {
			return err
		}
		select {
		case <-ended: // look once more
			last = true
		default:
		}
	}
	got := 0
	err := drain(c, "Events", c.st.Events(c.Context(), id), func(metrics.Event) { got++ })
	if err != nil {
		return fmt.Errorf("events of a batch that has just become visible: %w", err)
	}
	if got != n {
		return fmt.Errorf("a batch that has just become visible has %d of %d events", got, n)
	}
	text, err := c.readAttachment(id, "rejected")
	if err == nil && text != "row 3" {
		err = fmt.Errorf("the attachment of a batch that has just become visible is %q", text)
	}
	return err
}
