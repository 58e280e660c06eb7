package storetest

import (
	"errors"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const archives = "Retainer.Archive: removes a completed and purged batch and its attachments, and keeps its contribution: the answers of DayCounts do not change, and Explain still returns its id. For all other methods, Record and Amend among them, the batch is unknown from then on, so that its counts are permanent."

func archiveRules() []rule {
	return []rule{
		{"Retainer: Archive removes a batch and keeps its counts", archives, archiveKeepsCounts},
		{"Retainer: nothing changes the counts of an archived batch", archives, archivedIsUnknown},
		{"Retainer: an archived batch keeps its fingerprints", "Retainer.Archive: In a Deduper it keeps its fingerprints, so that its rows cannot count again.", archivedHasFingerprints},
		{"Retainer: only a purged batch is archived", "Retainer.Archive: Errors: ErrNotFound; ErrConflict when the batch is not completed or not purged.", archiveConflict},
		{"Retainer: counts of an archived batch survive a lost process", archives, archivedSurvives},
	}
}

// purged commits a batch of ten events, records a contribution and purges it.
func (c *check) purged(contribution metrics.Contribution) string {
	c.Helper()
	id := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), id, contribution), "Record")
	c.move(id, store.Completed, "")
	c.must(need[store.Retainer](c).PurgeEvents(c.Context(), id), "PurgeEvents")
	return id
}

func archivedHasFingerprints(c *check) {
	f, d := need[store.Retainer](c), need[store.Deduper](c)
	id := c.id()
	w := c.begin(id)
	fps := []store.Fingerprint{{1}, {2}}
	_, err := d.Claim(c.Context(), id, fps)
	c.must(err, "Claim")
	_, err = w.Commit(c.Context(), store.Batch{ID: id, Created: moment()}, nil)
	c.must(err, "Commit")
	c.must(c.st.Record(c.Context(), id, c.someContribution(3)), "Record")
	c.move(id, store.Completed, "")
	c.must(need[store.Retainer](c).PurgeEvents(c.Context(), id), "PurgeEvents")
	c.must(f.Archive(c.Context(), id), "Archive")
	_, err = c.st.Prune(c.Context(), store.PruneQuery{Before: moment().Add(time.Hour)})
	c.must(err, "Prune")
	owners, err := d.Owners(c.Context(), fps)
	c.must(err, "Owners")
	other := c.id()
	begun := c.begin(other)
	claimed, err := d.Claim(c.Context(), other, fps)
	c.must(err, "Claim by another batch")
	c.must(begun.Abort(c.Context()), "Abort")
	for i := range fps {
		if owners[i] != id || claimed[i] != id {
			c.Errorf("a fingerprint of %s, which was archived, is said to be of %q and %q", id, owners[i], claimed[i])
		}
	}
}

func archiveKeepsCounts(c *check) {
	f := need[store.Retainer](c)
	mine, other := c.someContribution(30), c.someContribution(40)
	kept := c.purged(other)
	id := c.purged(mine)
	c.must(f.Archive(c.Context(), id), "Archive")
	c.gone(id, "after Archive")
	c.idsAre("after Archive", []string{kept}, c.list(store.BatchQuery{}))
	c.ledgerIs("after Archive", mine, other)
	if e, ok := store.As[store.Explainer](c.st); ok {
		d := mine[0]
		var shares int64
		err := drain(c, "Explain", e.Explain(c.Context(), d.Day, d.Type), func(s store.Share) {
			if s.BatchID == id {
				shares += s.Count
			}
		})
		c.must(err, "Explain")
		if shares != d.Count {
			c.Errorf("Explain after Archive: the batch has %d, want %d", shares, d.Count)
		}
	}
	if got := c.attachment(kept, "rejected"); got != "row 3" {
		c.Errorf("Attachment of the batch that was not archived: got %q", got)
	}
	c.must(c.st.DeleteBatch(c.Context(), kept), "DeleteBatch")
	c.ledgerIs("after Archive and DeleteBatch of another batch", mine)
}

func archivedIsUnknown(c *check) {
	f := need[store.Retainer](c)
	mine, late := c.someContribution(30), c.someContribution(40)
	id := c.purged(mine)
	c.must(f.Archive(c.Context(), id), "Archive")
	for what, try := range map[string]func() error{
		"Record":      func() error { return c.st.Record(c.Context(), id, late) },
		"DeleteBatch": func() error { return c.st.DeleteBatch(c.Context(), id) },
		"SetStatus": func() error {
			return c.st.SetStatus(c.Context(), id, store.Statuses(), store.Completed, "")
		},
		"Amend": func() error {
			a, ok := store.As[store.Auditor](c.st)
			if !ok {
				return store.ErrNotFound
			}
			return a.Amend(c.Context(), id, late)
		},
	} {
		c.want(try(), store.ErrNotFound, what+" of an archived batch")
		c.ledgerIs("after "+what+" of an archived batch", mine)
	}
	if err := f.Archive(c.Context(), id); err != nil && !errors.Is(err, store.ErrNotFound) {
		c.Errorf("Archive again: got error %v, want nil or %v", err, store.ErrNotFound)
	}
	_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: epoch.AddDate(1000, 0, 0)})
	c.must(err, "Prune")
	c.ledgerIs("after Archive and Prune", mine)
}

func archiveConflict(c *check) {
	f := need[store.Retainer](c)
	c.want(f.Archive(c.Context(), c.id()), store.ErrNotFound, "Archive of an unknown batch")
	for _, status := range store.Statuses() {
		id := c.upload(filled()).ID
		c.move(id, status, "")
		want := c.batch(id)
		c.want(f.Archive(c.Context(), id), store.ErrConflict, "Archive of an unpurged batch that is "+string(status))
		if d := diffBatch(want, c.batch(id)); d != "" {
			c.Errorf("Batch after ErrConflict:%s", d)
		}
	}
}

func archivedSurvives(c *check) {
	f := need[store.Retainer](c)
	c.needs("Reopen")
	mine := c.someContribution(30)
	id := c.purged(mine)
	c.must(f.Archive(c.Context(), id), "Archive")
	c.reopen()
	c.gone(id, "after Archive and the loss of the process")
	c.ledgerIs("after Archive and the loss of the process", mine)
}
