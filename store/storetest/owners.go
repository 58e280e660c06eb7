package storetest

import (
	"slices"

	"github.com/eventmetrics/eventmetrics/store"
)

const (
	addsOwners = "Deduper: AddOwner adds others.\nDeduper.AddOwner: makes the batch of an open Writer one of the batches that have a fingerprint, also if others have it."
	ownsLater  = "Deduper.AddOwner: It counts from Commit on: until then neither Claim nor Owners knows of it. It may run concurrently with the methods of the Writer, and is safe to repeat."
)

func ownerRules() []rule {
	return []rule{
		{"Deduper: AddOwner gives a fingerprint to a further batch", addsOwners, addOwnerIsKept},
		{"Deduper: AddOwner counts from Commit on", ownsLater, addOwnerNeedsCommit},
		{"Deduper: AddOwner needs an open Writer", "Deduper.AddOwner: ErrNotFound when id is not the batch of an open Writer.", addOwnerNeedsWriter},
		{"Deduper: a further owner that is archived keeps the fingerprint", addsOwners, addOwnerIsArchived},
		{"Deduper: a further owner survives the process", durable + "\n" + addsOwners, reopenOwners},
	}
}

// addOwner adds the batch of an open Writer as an owner, twice.
func (c *check) addOwner(id string, fp store.Fingerprint) {
	c.Helper()
	for range 2 {
		c.must(need[store.Deduper](c).AddOwner(c.Context(), id, fp), "AddOwner")
	}
}

// owning commits a batch that AddOwner was called for.
func (c *check) owning(fps []store.Fingerprint) string {
	c.Helper()
	w, b := c.prepare(filled())
	for _, fp := range fps {
		c.addOwner(b.ID, fp)
	}
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	return b.ID
}

// isOwnedBy checks what Owners and Claim say of fingerprints, "" for those that
// are free.
func (c *check) isOwnedBy(when string, fps []store.Fingerprint, want []string) {
	c.Helper()
	c.ownersAre(when, fps, want)
	w, b := c.prepare(filled())
	c.claim(when, b.ID, fps, want)
	c.must(w.Abort(c.Context()), "Abort")
}

func addOwnerIsKept(c *check) {
	need[store.Deduper](c)
	fps := fpsOf(0, 40)
	first := c.holding(fps[:20])
	second := c.owning(fps[10:30])
	third := c.owning(fps[10:20])
	all := slices.Concat(times(20, first), times(10, second), times(10, ""))
	c.isOwnedBy("of shared fingerprints", fps, all)
	c.must(c.st.DeleteBatch(c.Context(), first), "DeleteBatch")
	c.isOwnedBy("after the first batch is deleted, of those it had alone", fps[:10], times(10, ""))
	c.isOwnedBy("after the first batch is deleted, of those that another has", fps[20:], slices.Concat(times(10, second), times(10, "")))
	owners, err := need[store.Deduper](c).Owners(c.Context(), fps[10:20])
	c.must(err, "Owners")
	for _, id := range owners {
		if id != second && id != third {
			c.Fatalf("after the first of three batches is deleted, Owners says %q, want %s or %s", id, second, third)
		}
	}
	c.must(c.st.DeleteBatch(c.Context(), second), "DeleteBatch")
	c.isOwnedBy("after two of three batches are deleted", fps[10:30], slices.Concat(times(10, third), times(10, "")))
	c.must(c.st.DeleteBatch(c.Context(), third), "DeleteBatch")
	c.isOwnedBy("after all batches are deleted", fps, times(len(fps), ""))
}

func addOwnerNeedsCommit(c *check) {
	need[store.Deduper](c)
	fps := fpsOf(0, 2)
	w, b := c.prepare(filled())
	c.addOwner(b.ID, fps[0])
	c.isOwnedBy("before Commit", fps, times(2, ""))
	c.must(w.Abort(c.Context()), "Abort")
	c.isOwnedBy("after Abort", fps, times(2, ""))
	w, b = c.prepare(filled())
	c.addOwner(b.ID, fps[1])
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	c.isOwnedBy("after Commit", fps, []string{"", b.ID})
}

func addOwnerNeedsWriter(c *check) {
	d := need[store.Deduper](c)
	id := c.upload(filled()).ID
	c.want(d.AddOwner(c.Context(), id, printOf(1)), store.ErrNotFound, "AddOwner for a committed batch")
	c.want(d.AddOwner(c.Context(), c.id(), printOf(1)), store.ErrNotFound, "AddOwner for an unknown batch")
	c.isOwnedBy("after AddOwner has failed", fpsOf(1, 1), times(1, ""))
}

func addOwnerIsArchived(c *check) {
	f := need[store.Retainer](c)
	need[store.Deduper](c)
	fps := fpsOf(0, 1)
	first := c.holding(fps)
	second := c.owning(fps)
	c.must(c.st.Record(c.Context(), second, c.someContribution(3)), "Record")
	c.move(second, store.Completed, "")
	c.must(f.PurgeEvents(c.Context(), second), "PurgeEvents")
	c.must(f.Archive(c.Context(), second), "Archive")
	c.must(c.st.DeleteBatch(c.Context(), first), "DeleteBatch")
	c.isOwnedBy("after one batch is archived and the other deleted", fps, []string{second})
}

func reopenOwners(c *check) {
	need[store.Deduper](c)
	c.needs("Reopen")
	fps := fpsOf(0, 1)
	first := c.holding(fps)
	second := c.owning(fps)
	c.reopen()
	c.must(c.st.DeleteBatch(c.Context(), first), "DeleteBatch")
	c.isOwnedBy("after the process was lost", fps, []string{second})
}
