package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const durable = "Store: a method returns when its effect is durable, so that it survives the loss of the process, of the database server or of the power right after."

func reopenRules() []rule {
	return []rule{
		{"what was committed survives the process", durable, reopenKeeps},
		{"what was not committed is invisible after a lost process and can be pruned", durable + "\n" + unfinishedUploads, reopenUncommitted},
		{"the ledger survives the process", durable, reopenLedger},
		{"Harness.Reopen cuts the old handle off", "Harness.Reopen: what st does after that must not reach the data.", reopenCutsOff},
	}
}

// reopen loses the process.
func (c *check) reopen() {
	c.Helper()
	c.st = c.h.Reopen(c.t, c.st)
}

func reopenKeeps(c *check) {
	c.needs("Reopen")
	long := c.scaled(50_000)
	w, b := c.unfinished()
	want, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	short := c.upload(keyed("k", epoch)).ID
	c.move(short, store.Failed, "the disk was full")
	failed := c.batch(short)
	c.reopen()
	if d := diffBatch(want, c.batch(want.ID)); d != "" {
		c.Errorf("Batch:%s", d)
	}
	if d := diffBatch(failed, c.batch(short)); d != "" {
		c.Errorf("Batch:%s", d)
	}
	i := 0
	err = drain(c, "Events", c.st.Events(c.Context(), want.ID), func(e metrics.Event) {
		if d := diffEvent(eventAt(i), e); d != "" {
			c.Fatalf("Events: event %d of %d differs:%s", i, long, d)
		}
		i++
	})
	c.must(err, "Events")
	if i != long {
		c.Errorf("Events: got %d, want %d", i, long)
	}
	if got := c.attachment(want.ID, "rejected"); got != "row 3" {
		c.Errorf("Attachment: got %q", got)
	}
	w, b = c.prepare(keyed("k", epoch))
	_, err = w.Commit(c.Context(), b, nil)
	c.want(err, store.ErrKeyTaken, "Commit with the key of a batch from before")
}

func reopenUncommitted(c *check) {
	c.needs("Reopen")
	kept := c.uploaded()
	_, b := c.unfinished()
	_, small := c.prepare(filled())
	c.reopen()
	c.invisible(b.ID, "after the process was lost")
	c.invisible(small.ID, "after the process was lost")
	c.idsAre("after the process was lost", []string{kept}, c.list(store.BatchQuery{}))
	c.move(kept, store.Queued, "")
	p, err := c.st.Prune(c.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)})
	c.must(err, "Prune")
	// The short one may have been in memory only.
	if p.Unfinished < 1 || p.Unfinished > 2 || p.Batches != 0 {
		c.Errorf("Prune: got %+v, want 1 or 2 unfinished uploads", p)
	}
	c.prune(store.PruneQuery{Before: time.Now().Add(time.Hour)}, store.Pruned{})
	c.invisible(b.ID, "after Prune")
	c.uploaded()
}

func reopenLedger(c *check) {
	c.needs("Reopen")
	l := c.newLedger(c.random())
	for range c.scaled(40) {
		l.uploaded = append(l.uploaded, c.uploaded())
		c.must(l.step(), "a random step")
	}
	deleted := c.recorded(c.someContribution(8))
	c.must(c.st.DeleteBatch(c.Context(), deleted), "DeleteBatch")
	for range 2 {
		c.reopen()
		c.ledgerIs("after the process was lost", l.sum()...)
		c.gone(deleted, "deleted before the process was lost")
		for id := range l.recorded {
			c.must(c.st.Record(c.Context(), id, c.someContribution(80)), "Record again")
		}
		c.ledgerIs("after Record again", l.sum()...)
	}
}

// reopenCutsOff checks the harness: after a Reopen that leaves the old handle as
// it was, the rules about lost processes prove little.
func reopenCutsOff(c *check) {
	c.needs("Reopen")
	kept := c.uploaded()
	w, b := c.prepare(filled())
	old := c.st
	c.reopen()
	ctx, cancel := context.WithTimeout(c.Context(), time.Second)
	defer cancel()
	_, _ = w.Commit(ctx, b, nil)
	_ = old.SetStatus(ctx, kept, store.Statuses(), store.Failed, "the old handle")
	if _, err := c.st.Batch(c.Context(), b.ID); !errors.Is(err, store.ErrNotFound) {
		c.Errorf("Batch that the old handle committed after Reopen: got error %v, want %v", err, store.ErrNotFound)
	}
	if got := c.batch(kept); got.Status != store.Uploaded {
		c.Errorf("Batch that the old handle moved after Reopen is %s, want %s", got.Status, store.Uploaded)
	}
}
