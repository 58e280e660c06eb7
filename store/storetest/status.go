package storetest

import (
	"errors"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const compareAndSet = "Store.SetStatus: moves a batch from one of the statuses in from to the status to, and sets LastError and Updated, in one atomic compare-and-set."

func statusRules() []rule {
	return []rule{
		{"SetStatus moves a batch and sets LastError and Updated", compareAndSet + " A batch may be moved to the status that it has, if from includes it; that sets LastError and Updated too.\nBatch.Updated: the time of the last SetStatus, or that of Commit.", statusMoves},
		{"SetStatus compares before it sets", "Store.SetStatus: ErrConflict when the batch's status is not in from.", statusConflict},
		{"SetStatus of an unknown batch is ErrNotFound", "Store.SetStatus: Errors: ErrNotFound", statusUnknown},
		{"one of many concurrent SetStatus wins", compareAndSet, statusRace},
	}
}

func statusMoves(c *check) {
	before := c.upload(upload{batch: aBatch(c), events: someEvents(3)})
	at := store.Uploaded
	for _, step := range []struct {
		from  []store.Status
		to    store.Status
		cause string
	}{
		{[]store.Status{store.Uploaded}, store.Queued, ""},
		{[]store.Status{store.Queued, store.Failed}, store.Processing, "worker 7"},
		{[]store.Status{store.Processing}, store.Processing, "worker 8"},
		{[]store.Status{store.Uploaded, store.Processing}, store.Failed, strings.Repeat("it broke: 😀 ", 100)},
		{[]store.Status{store.Failed}, store.Queued, ""},
		{store.Statuses(), store.Completed, ""},
	} {
		earlier := moment()
		c.must(c.st.SetStatus(c.Context(), before.ID, step.from, step.to, step.cause), "SetStatus from "+string(at))
		got := c.batch(before.ID)
		want := before
		want.Status, want.LastError, want.Updated = step.to, step.cause, got.Updated
		if d := diffBatch(want, got); d != "" {
			c.Errorf("Batch after SetStatus to %s:%s", step.to, d)
		}
		c.updatedSince(earlier, got, "SetStatus from "+string(at)+" to "+string(step.to))
		at = step.to
	}
}

// updatedSince reports an Updated that is not the time of a call between before
// and now, by the clock of this process.
func (c *check) updatedSince(before time.Time, b store.Batch, call string) {
	c.Helper()
	if !b.Updated.After(before) || b.Updated.After(time.Now()) {
		c.Errorf("Updated after %s is %v, want a time after %v, up to now", call, b.Updated, before)
	}
}

func statusConflict(c *check) {
	id := c.uploaded()
	for _, is := range store.Statuses() {
		c.move(id, is, "before")
		want := c.batch(id)
		for _, from := range [][]store.Status{nil, {}, allBut(is)} {
			err := c.st.SetStatus(c.Context(), id, from, store.Queued, "after")
			c.want(err, store.ErrConflict, "SetStatus of a batch that is "+string(is))
		}
		c.want(c.st.SetStatus(c.Context(), id, allBut(is), is, "after"), store.ErrConflict,
			"SetStatus to the status that the batch has, without from naming it")
		if d := diffBatch(want, c.batch(id)); d != "" {
			c.Errorf("Batch after ErrConflict:%s", d)
		}
	}
}

func allBut(s store.Status) []store.Status {
	var all []store.Status
	for _, other := range store.Statuses() {
		if other != s {
			all = append(all, other)
		}
	}
	return all
}

func statusUnknown(c *check) {
	err := c.st.SetStatus(c.Context(), c.id(), store.Statuses(), store.Queued, "")
	c.want(err, store.ErrNotFound, "SetStatus")
}

func statusRace(c *check) {
	const rivals = 16
	for range 5 {
		id := c.uploaded()
		errs := concurrently(rivals, func(int) error {
			return c.st.SetStatus(c.Context(), id, []store.Status{store.Uploaded}, store.Queued, "")
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, store.ErrConflict) {
				c.Errorf("SetStatus concurrent with others: got error %v, want %v", err, store.ErrConflict)
			}
		}
		if won != 1 {
			c.Errorf("%d of %d concurrent moves from uploaded to queued succeeded, want 1", won, rivals)
		}
	}
}
