package storetest

import (
	"errors"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const forgets = "Retainer.Forget removes a completed and sealed batch with its attachments, all but its contribution; to every other method it is unknown from then on, and nothing can take its counts back."

func forgetterRules() []rule {
	return []rule{
		{"Retainer: Forget removes a batch and keeps its counts", forgets, forgetKeepsCounts},
		{"Retainer: nothing changes the counts of a forgotten batch", forgets, forgottenIsUnknown},
		{"Retainer: a forgotten batch keeps its fingerprints", "Retainer.Forget: the batch keeps its fingerprints, so that rows that count for ever do not count again.", forgottenHasPrints},
		{"Retainer: only a sealed batch is forgotten", "Retainer.Forget: ErrNotFound; ErrConflict when the batch is not completed or not sealed.", forgetConflict},
		{"Retainer: counts of a forgotten batch survive a lost process", forgets, forgottenSurvives},
	}
}

// sealed commits a batch of ten events, records a contribution and seals it.
func (c *check) sealed(contribution metrics.Contribution) string {
	c.Helper()
	id := c.upload(filled()).ID
	c.must(c.st.Record(c.Context(), id, contribution), "Record")
	c.move(id, store.Completed, "")
	c.must(need[store.Retainer](c).PurgeEvents(c.Context(), id), "Seal")
	return id
}

func forgottenHasPrints(c *check) {
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
	c.must(need[store.Retainer](c).PurgeEvents(c.Context(), id), "Seal")
	c.must(f.Archive(c.Context(), id), "Forget")
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
			c.Errorf("a fingerprint of %s, which was forgotten, is said to be of %q and %q", id, owners[i], claimed[i])
		}
	}
}

func forgetKeepsCounts(c *check) {
	f := need[store.Retainer](c)
	mine, other := c.someContribution(30), c.someContribution(40)
	kept := c.sealed(other)
	id := c.sealed(mine)
	c.must(f.Archive(c.Context(), id), "Forget")
	c.gone(id, "after Forget")
	c.idsAre("after Forget", []string{kept}, c.list(store.BatchQuery{}))
	c.ledgerIs("after Forget", mine, other)
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
			c.Errorf("Explain after Forget: the batch has %d, want %d", shares, d.Count)
		}
	}
	if got := c.attachment(kept, "rejected"); got != "row 3" {
		c.Errorf("Attachment of the batch that was not forgotten: got %q", got)
	}
	c.must(c.st.DeleteBatch(c.Context(), kept), "DeleteBatch")
	c.ledgerIs("after Forget and DeleteBatch of another batch", mine)
}

func forgottenIsUnknown(c *check) {
	f := need[store.Retainer](c)
	mine, late := c.someContribution(30), c.someContribution(40)
	id := c.sealed(mine)
	c.must(f.Archive(c.Context(), id), "Forget")
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
		c.want(try(), store.ErrNotFound, what+" of a forgotten batch")
		c.ledgerIs("after "+what+" of a forgotten batch", mine)
	}
	if err := f.Archive(c.Context(), id); err != nil && !errors.Is(err, store.ErrNotFound) {
		c.Errorf("Forget again: got error %v, want nil or %v", err, store.ErrNotFound)
	}
	_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: epoch.AddDate(1000, 0, 0)})
	c.must(err, "Prune")
	c.ledgerIs("after Forget and Prune", mine)
}

func forgetConflict(c *check) {
	f := need[store.Retainer](c)
	c.want(f.Archive(c.Context(), c.id()), store.ErrNotFound, "Forget of an unknown batch")
	for _, status := range store.Statuses() {
		id := c.upload(filled()).ID
		c.move(id, status, "")
		want := c.batch(id)
		c.want(f.Archive(c.Context(), id), store.ErrConflict, "Forget of an unsealed batch that is "+string(status))
		if d := diffBatch(want, c.batch(id)); d != "" {
			c.Errorf("Batch after ErrConflict:%s", d)
		}
	}
}

func forgottenSurvives(c *check) {
	f := need[store.Retainer](c)
	if c.h.Reopen == nil {
		c.Skipf("there is no Reopen")
	}
	mine := c.someContribution(30)
	id := c.sealed(mine)
	c.must(f.Archive(c.Context(), id), "Forget")
	c.st = c.h.Reopen(c.t, c.st)
	c.gone(id, "after Forget and the loss of the process")
	c.ledgerIs("after Forget and the loss of the process", mine)
}
