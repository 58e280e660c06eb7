package storetest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const newestFirst = "Store.Batches: returns the batches for which q.Match holds, newest (greatest id) first."

const countSentence = "Store.CountBatches: returns how many batches each of Statuses has, but at most limit, which is more than 0: a number of limit means that many or more.\nStore.CountBatches: the map belongs to the caller."

func batchesRules() []rule {
	return []rule{
		{"Batches lists the newest first", newestFirst, batchesNewestFirst},
		{"Batches has a default and a greatest Limit", "BatchQuery.Limit: 0 means DefaultLimit, more than MaxLimit means MaxLimit.", batchesLimit},
		{"pages neither repeat nor lose a batch", "BatchQuery.After: is the keyset cursor: it selects batches with a smaller id.", batchesPages},
		{"Batches filters as BatchQuery.Match does", newestFirst + "\nBatchQuery.UpdatedBefore: selects the batches last changed before it, if not zero.", batchesFilter},
		{"CountBatches counts the batches of each status, up to a limit", countSentence, batchesCounted},
		{"repairs are found by what they repair", "BatchQuery.RepairOf: selects the batches that repair this one", repairsFound},
		{"a repair outlives what it repairs", "Batch.RepairOf: stays when that batch is deleted.", repairsStay},
		{"the slice that Batches returns belongs to the caller", "Store.Batches: the slice belongs to the caller.", batchesBelong},
	}
}

func batchesNewestFirst(c *check) {
	if got := c.list(store.BatchQuery{}); len(got) != 0 {
		c.Errorf("Batches of an empty store: got %v", idsOf(got))
	}
	var ids []string
	for range 12 {
		ids = append(ids, c.id())
	}
	for _, i := range []int{3, 1, 11, 0, 7, 2, 10, 4, 9, 5, 8, 6} { // not in the order of time
		c.upload(upload{batch: store.Batch{ID: ids[i], Created: epoch.Add(-time.Duration(i) * time.Hour)}})
	}
	slices.Reverse(ids)
	c.idsAre("of all", ids, c.list(store.BatchQuery{}))
	c.idsAre("with Limit 3", ids[:3], c.list(store.BatchQuery{Limit: 3}))
	c.idsAre("after the third", ids[3:], c.list(store.BatchQuery{After: ids[2]}))
	c.idsAre("after the last", nil, c.list(store.BatchQuery{After: ids[len(ids)-1]}))
}

func batchesLimit(c *check) {
	n := c.scaled(store.MaxLimit + 1)
	for range n {
		c.upload(upload{})
	}
	for _, limit := range []int{0, -1, 1, store.DefaultLimit + 1, store.MaxLimit, store.MaxLimit + 1, 1 << 40} {
		q := store.BatchQuery{Limit: limit}
		if got := len(c.list(q)); got != min(n, q.Size()) {
			c.Errorf("Batches with Limit %d: got %d of %d, want %d", limit, got, n, min(n, q.Size()))
		}
	}
}

func batchesPages(c *check) {
	var want []string
	for range 25 {
		want = append(want, c.uploaded())
	}
	slices.Reverse(want)
	var got []string
	for after := ""; ; {
		page := idsOf(c.list(store.BatchQuery{After: after, Limit: 4}))
		if len(page) == 0 {
			break
		}
		if len(got)+len(page) > 2*len(want) {
			c.Fatalf("Batches: the pages do not end; they began with %v", got)
		}
		got = append(got, page...)
		after = page[len(page)-1]
		c.uploaded()
		if len(got)%8 == 0 {
			c.must(c.st.DeleteBatch(c.Context(), after), "DeleteBatch of the cursor")
		}
	}
	if !slices.Equal(want, got) {
		c.Errorf("Batches page by page while batches are added:\nwant %v\n got %v", want, got)
	}
}

func batchesFilter(c *check) {
	rng := c.random()
	for i := range 40 {
		u := upload{}
		if i > 30 {
			u.batch.RepairOf = fmt.Sprint("batch ", i%4)
		}
		id := c.upload(u).ID
		c.move(id, store.Statuses()[rng.IntN(5)], "")
	}
	all := c.list(store.BatchQuery{})
	for range 200 {
		q := store.BatchQuery{Limit: []int{0, 1, 3, 10}[rng.IntN(4)]}
		for range rng.IntN(4) {
			q.Statuses = append(q.Statuses, store.Statuses()[rng.IntN(5)])
		}
		if rng.IntN(4) == 0 {
			q.RepairOf = fmt.Sprint("batch ", rng.IntN(5))
		}
		some := all[rng.IntN(len(all))]
		if rng.IntN(2) == 0 {
			q.UpdatedBefore = some.Updated.Add(time.Duration(rng.IntN(5)-2) * time.Millisecond / 2)
		}
		if rng.IntN(2) == 0 {
			q.After = some.ID
		}
		c.idsAre(fmt.Sprintf("with %+v", q), matching(all, q), c.list(q))
	}
}

// batchesCounted compares the counts with the list while batches come, move and go.
func batchesCounted(c *check) {
	rng := c.random()
	w, _ := c.unfinished()
	var ids []string
	c.countsAreThoseOfTheList()
	for range 40 {
		switch rng.IntN(5) {
		case 0, 1, 2:
			ids = append(ids, c.upload(upload{events: someEvents(2)}).ID)
		case 3:
			if len(ids) > 0 {
				c.move(ids[rng.IntN(len(ids))], store.Statuses()[rng.IntN(5)], "")
			}
		default:
			if len(ids) > 3 {
				i := rng.IntN(len(ids))
				c.must(c.st.Record(c.Context(), ids[i], c.someContribution(2)), "Record")
				c.must(c.st.DeleteBatch(c.Context(), ids[i]), "DeleteBatch")
				ids = slices.Delete(ids, i, i+1)
			}
		}
		c.countsAreThoseOfTheList()
	}
	c.must(w.Abort(c.Context()), "Abort")
	c.countsAreThoseOfTheList()
}

func (c *check) countsAreThoseOfTheList() {
	c.Helper()
	all := map[store.Status]int64{}
	for _, b := range c.list(store.BatchQuery{Limit: store.MaxLimit}) {
		all[b.Status]++
	}
	for _, limit := range []int64{1, 5, math.MaxInt32} {
		got, err := c.st.CountBatches(c.Context(), limit)
		c.must(err, "CountBatches")
		for _, s := range store.Statuses() {
			if n, ok := got[s]; !ok || n != min(all[s], limit) {
				c.Errorf("CountBatches with limit %d: %d are %s, want %d, as there are %d; each status is in the map", limit, n, s, min(all[s], limit), all[s])
			}
		}
		if len(got) != len(store.Statuses()) {
			c.Errorf("CountBatches: got %v, want the %d statuses and no other", got, len(store.Statuses()))
		}
		clear(got) // it belongs to the caller
	}
}

// matching answers q from all batches, newest first.
func matching(all []store.Batch, q store.BatchQuery) []string {
	var ids []string
	for i := range all {
		if q.Match(&all[i]) && len(ids) < q.Size() {
			ids = append(ids, all[i].ID)
		}
	}
	return ids
}

// repair commits a batch that repairs another.
func (c *check) repair(id string) string {
	c.Helper()
	return c.upload(upload{batch: store.Batch{RepairOf: id}, events: someEvents(1)}).ID
}

func repairsFound(c *check) {
	first, second := c.uploaded(), c.uploaded()
	var want []string
	for range 5 {
		want = append(want, c.repair(first))
		c.repair(second)
	}
	ofRepair := c.repair(want[0])
	slices.Reverse(want)
	c.idsAre("that repair the first", want, c.list(store.BatchQuery{RepairOf: first}))
	c.idsAre("that repair the first, with Limit 2", want[:2], c.list(store.BatchQuery{RepairOf: first, Limit: 2}))
	c.idsAre("that repair the first, after the second of them", want[2:], c.list(store.BatchQuery{RepairOf: first, After: want[1]}))
	c.idsAre("that repair a repair", []string{ofRepair}, c.list(store.BatchQuery{RepairOf: want[4]}))
	c.idsAre("that repair one without repairs", nil, c.list(store.BatchQuery{RepairOf: ofRepair}))
	c.move(want[0], store.Failed, "")
	c.idsAre("that repair the first and have failed", want[:1], c.list(store.BatchQuery{RepairOf: first, Statuses: []store.Status{store.Failed}}))
	c.must(c.st.DeleteBatch(c.Context(), want[1]), "DeleteBatch")
	c.idsAre("that repair the first, after one was deleted", slices.Delete(want, 1, 2), c.list(store.BatchQuery{RepairOf: first}))
}

func repairsStay(c *check) {
	first := c.uploaded()
	repair := c.repair(first)
	c.must(c.st.DeleteBatch(c.Context(), first), "DeleteBatch of what was repaired")
	if got := c.batch(repair).RepairOf; got != first {
		c.Errorf("Batch after what it repairs was deleted: Repairs is %q, want %q", got, first)
	}
	c.idsAre("that repair a deleted one", []string{repair}, c.list(store.BatchQuery{RepairOf: first}))
}

func batchesBelong(c *check) {
	for range 5 {
		c.uploaded()
	}
	mine := c.list(store.BatchQuery{})
	want := idsOf(mine)
	for i := range mine {
		mine[i] = store.Batch{ID: "scribble"}
	}
	c.idsAre("after the caller has written over an earlier answer", want, c.list(store.BatchQuery{}))
}
