package storetest

import (
	"errors"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const (
	pruneRemoves      = "Store.Prune: removes batches that were uploaded before q.Before and never queued, with their contributions. Times are compared to the millisecond. A batch in another status is not touched."
	unfinishedUploads = "Store.Prune: unfinished uploads: what a Writer has written that was neither committed nor aborted, and made its last call before q.Before. To save writes, a store may take the last call of a Writer for one that was up to a minute earlier, and while its process lives, for one that is made now. A Writer whose upload was pruned has ended: its Commit fails, and its Abort does nothing.\nWriter.Commit: ErrNotFound when the upload was pruned."
)

func pruneRules() []rule {
	return []rule{
		{"Prune removes old uploaded batches and no others", pruneRemoves, pruneOld},
		{"Prune counts without removing in a dry run", "PruneQuery.DryRun: counts without removing.", pruneDry},
		{"Prune counts no events that were erased", "Pruned.Events: is the number of events in those batches, see Batch.Events.", pruneErased},
		{"Prune removes old unfinished uploads", unfinishedUploads, pruneUnfinished},
		{"Prune keeps the upload of a Writer that wrote recently", unfinishedUploads, pruneLeavesLive},
		{"Prune never removes a batch that was queued meanwhile", pruneRemoves, pruneRacesQueue},
		{"Prune takes an unfinished upload whole or not at all", unfinishedUploads, pruneRacesCommit},
		{"nothing remains when Prune races Record", pruneRemoves, pruneRacesRecord},
	}
}

// aging is a store of batches of which Prune at limit removes two.
type aging struct {
	limit time.Time
	old   []string
	kept  []store.Batch
	ctb   metrics.Contribution
}

func (c *check) aging() aging {
	c.Helper()
	a := aging{limit: epoch.Add(time.Hour), ctb: c.someContribution(9)}
	at := func(created time.Time, n int) store.Batch {
		return c.upload(upload{batch: store.Batch{Created: created}, events: someEvents(n)})
	}
	a.old = []string{at(epoch, 10).ID, at(a.limit.Add(-time.Millisecond), 7).ID}
	a.kept = []store.Batch{at(a.limit, 1), at(a.limit.Add(time.Hour), 2)}
	for _, status := range allBut(store.Uploaded) {
		b := at(epoch.Add(-24*time.Hour), 3)
		c.must(c.st.Record(c.Context(), b.ID, a.ctb), "Record")
		c.move(b.ID, status, "")
		a.kept = append(a.kept, c.batch(b.ID))
	}
	return a
}

func (c *check) prune(q store.PruneQuery, want store.Pruned) {
	c.Helper()
	got, err := c.st.Prune(c.Context(), q)
	c.must(err, "Prune")
	if got != want {
		c.Errorf("Prune, DryRun %t: want %+v, got %+v", q.DryRun, want, got)
	}
}

// untouched reports what Prune did to the batches to keep.
func (c *check) untouched(a aging) {
	c.Helper()
	for _, want := range a.kept {
		got, err := c.st.Batch(c.Context(), want.ID)
		c.must(err, "Batch that is "+string(want.Status)+" after Prune")
		if d := diffBatch(want, got); d != "" {
			c.Errorf("Batch after Prune:%s", d)
		}
		if n := len(c.events(want.ID)); int64(n) != want.AcceptedRows {
			c.Errorf("Events after Prune: got %d of a batch that is %s, want %d", n, want.Status, want.AcceptedRows)
		}
	}
	c.ledgerIs("after Prune", a.ctb, a.ctb, a.ctb, a.ctb)
}

func pruneOld(c *check) {
	a := c.aging()
	c.prune(store.PruneQuery{Before: a.limit}, store.Pruned{Batches: 2, Events: 17})
	for _, id := range a.old {
		c.gone(id, "after Prune")
	}
	c.untouched(a)
	c.prune(store.PruneQuery{Before: a.limit}, store.Pruned{})
	c.prune(store.PruneQuery{Before: a.limit.Add(1)}, store.Pruned{Batches: 1, Events: 1})
	c.gone(a.kept[0].ID, "after Prune a nanosecond later")
}

func pruneDry(c *check) {
	a := c.aging()
	for range 2 {
		c.prune(store.PruneQuery{Before: a.limit, DryRun: true}, store.Pruned{Batches: 2, Events: 17})
	}
	for _, id := range a.old {
		if n := len(c.events(id)); int64(n) != c.batch(id).AcceptedRows {
			c.Errorf("Events after a dry run: got %d, want %d", n, c.batch(id).AcceptedRows)
		}
	}
	c.untouched(a)
	w, b := c.unfinished()
	soon := time.Now().Add(time.Hour)
	c.prune(store.PruneQuery{Before: soon, DryRun: true}, store.Pruned{Batches: 4, Events: 20, Unfinished: 1})
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit after a dry run")
}

func pruneErased(c *check) {
	er := need[store.Retainer](c)
	events := someEvents(10)
	b := c.upload(upload{batch: store.Batch{Created: epoch}, events: events})
	left := c.erase(er, b.ID, events, "test_id", "t-1")
	want := store.Pruned{Batches: 1, Events: int64(len(left))}
	c.prune(store.PruneQuery{Before: epoch.Add(time.Hour), DryRun: true}, want)
	c.prune(store.PruneQuery{Before: epoch.Add(time.Hour)}, want)
}

// unfinished begins a batch that is too long to be kept back in memory.
func (c *check) unfinished() (store.Writer, store.Batch) {
	c.Helper()
	w, b := c.prepare(upload{attach: map[string]string{"rejected": "row 3"}})
	c.writeOddly(w, c.scaled(50_000))
	return w, b
}

func pruneUnfinished(c *check) {
	kept := c.uploaded()
	c.move(kept, store.Queued, "")
	w, b := c.unfinished()
	later := time.Now().Add(30 * time.Second) // its process lives, so its last call may be one that is made now
	c.prune(store.PruneQuery{Before: later}, store.Pruned{Unfinished: 1})
	c.prune(store.PruneQuery{Before: later}, store.Pruned{})
	_, err := w.Commit(c.Context(), b, nil)
	c.want(err, store.ErrNotFound, "Commit after Prune")
	c.must(w.Abort(c.Context()), "Abort after Prune")
	c.invisible(b.ID, "after Prune of its unfinished upload")
	if n := len(c.events(kept)); n != 1 {
		c.Errorf("Events of the batch that stays: got %d, want 1", n)
	}
}

func pruneLeavesLive(c *check) {
	began := time.Now()
	w, b := c.unfinished()
	c.prune(store.PruneQuery{Before: began.Add(-time.Minute)}, store.Pruned{})
	got, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit after Prune of what is older")
	n := 0
	err = drain(c, "Events", c.st.Events(c.Context(), b.ID), func(metrics.Event) { n++ })
	c.must(err, "Events")
	if int64(n) != got.AcceptedRows || n != c.scaled(50_000) {
		c.Errorf("Events: got %d of %d", n, c.scaled(50_000))
	}
}

func pruneRacesQueue(c *check) {
	for round := range raceRounds {
		var ids []string
		var moves []func() error
		for range 8 {
			id := c.upload(filled()).ID
			ids = append(ids, id)
			moves = append(moves, func() error {
				return c.st.SetStatus(c.Context(), id, []store.Status{store.Uploaded}, store.Queued, "")
			})
		}
		errs := c.prunedRace(round, ids[0], store.PruneQuery{Before: epoch.Add(time.Hour)}, moves...)
		for i, id := range ids {
			c.queuedOrGone(id, errs[i])
		}
	}
}

func (c *check) queuedOrGone(id string, err error) {
	c.Helper()
	if errors.Is(err, store.ErrNotFound) {
		c.gone(id, "after Prune")
		return
	}
	c.must(err, "SetStatus concurrent with Prune")
	if b := c.batch(id); b.Status != store.Queued {
		c.Errorf("Batch that was queued concurrent with Prune is %s", b.Status)
	}
	if n := len(c.events(id)); n != 10 {
		c.Errorf("Events of a batch that was queued concurrent with Prune: got %d, want 10", n)
	}
}

// pruneRacesCommit lets Prune take unfinished uploads that are being committed. The
// batches are created after its limit, so that they stay once committed.
func pruneRacesCommit(c *check) {
	soon := time.Now().Add(time.Hour)
	for round := range raceRounds {
		var ids []string
		var commits []func() error
		for range 6 {
			u := filled()
			u.batch.Created = soon.Add(time.Hour)
			w, b := c.prepare(u)
			ids = append(ids, b.ID)
			commits = append(commits, func() error {
				_, err := w.Commit(c.Context(), b, nil)
				return errors.Join(err, w.Abort(c.Context()))
			})
		}
		errs := c.prunedRace(round, ids[0], store.PruneQuery{Before: soon}, commits...)
		for i, id := range ids {
			c.wholeOrGone(id, errs[i])
		}
	}
}

func (c *check) wholeOrGone(id string, err error) {
	c.Helper()
	if errors.Is(err, store.ErrNotFound) {
		c.gone(id, "after Prune concurrent with Commit")
		return
	}
	c.must(err, "Commit concurrent with Prune")
	if d := diffEvents(someEvents(10), c.events(id)); d != "" {
		c.Errorf("Events of a batch that was committed concurrent with Prune: %s", d)
	}
	if got := c.attachment(id, "rejected"); got != "row 3" {
		c.Errorf("Attachment of a batch that was committed concurrent with Prune: got %q", got)
	}
}

func pruneRacesRecord(c *check) {
	kept := c.someContribution(4)
	c.move(c.recorded(kept), store.Completed, "")
	for round := range raceRounds {
		id := c.upload(filled()).ID
		late := c.someContribution(round + 10)
		record := func() error { return c.st.Record(c.Context(), id, late) }
		for _, err := range c.prunedRace(round, id, store.PruneQuery{Before: epoch.Add(time.Hour)}, record, record) {
			c.nilOrNotFound(err, "Record concurrent with Prune")
		}
		c.gone(id, "after Prune concurrent with Record")
		c.ledgerIs("after Prune concurrent with Record", kept)
	}
}
