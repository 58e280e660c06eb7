package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const (
	takesKey  = "Deduper: It also keeps the idempotency keys of requests that were answered with a batch which was there.\nDeduper.TakeKey: gives a visible batch a further idempotency key, in one atomic step: that of a request which was answered with the batch, since it has the same content. The batch has the key until expires, which is cut to the millisecond, or until it is deleted, pruned or archived. No field of the Batch changes. A batch may have any number of keys."
	keepsKey  = "Deduper.TakeKey: If it has the key at now already, nothing changes. It is safe to repeat. Errors: ErrNotFound; ErrKeyTaken when another batch has the key at now."
	prunesKey = "Deduper.TakeKey: Prune removes keys that have expired before PruneQuery.Before."
	listsKeys = "Deduper.Keys: returns the idempotency keys of a batch in byte order: its IdempotencyKey, if it has one, and those of TakeKey, also those that have expired and that no other batch has and Prune has not removed. The slice belongs to the caller. Errors: ErrNotFound."
)

func takeKeyRules() []rule {
	return []rule{
		{"Deduper: TakeKey gives a batch further idempotency keys", takesKey, furtherKeys},
		{"Deduper: a key that a batch has is not given to another", keepsKey, furtherKeyIsTaken},
		{"Deduper: a further idempotency key expires", takesKey, furtherKeyExpires},
		{"Deduper: further idempotency keys go with their batch", takesKey, furtherKeysEnd},
		{"Deduper: EraseNames frees further idempotency keys", erasesNames, furtherKeysErased},
		{"Deduper: Keys lists all keys of a batch", listsKeys, keysListed},
		{"Deduper: Prune removes expired further keys", prunesKey, furtherKeysPruned},
		{"Deduper: one of many concurrent commits and TakeKeys gets the idempotency key", keepsKey, takeKeyRace},
	}
}

const keyTime = 24 * time.Hour

// takeKey gives a batch a key at a time, twice.
func (c *check) takeKey(id, key string, now time.Time) {
	c.Helper()
	for range 2 {
		c.must(need[store.Deduper](c).TakeKey(c.Context(), id, key, now.Add(keyTime), now), "TakeKey")
	}
}

// refuseKey checks that another batch has a key at a time, for all who want it.
func (c *check) refuseKey(when, id, key string, now time.Time) {
	c.Helper()
	err := need[store.Deduper](c).TakeKey(c.Context(), id, key, now.Add(keyTime), now)
	c.want(err, store.ErrKeyTaken, "TakeKey "+when)
	w, b := c.prepare(keyed(key, now))
	_, err = w.Commit(c.Context(), b, nil)
	c.want(err, store.ErrKeyTaken, "Commit "+when)
	c.invisible(b.ID, "after ErrKeyTaken")
	c.must(w.Abort(c.Context()), "Abort")
}

// keysAre checks what Keys says of a batch.
func (c *check) keysAre(when, id string, want ...string) {
	c.Helper()
	got, err := need[store.Deduper](c).Keys(c.Context(), id)
	c.must(err, "Keys "+when)
	if !slices.Equal(want, got) {
		c.Errorf("Keys %s: got %q, want %q", when, got, want)
	}
}

func furtherKeys(c *check) {
	need[store.Deduper](c)
	own, none := c.upload(keyed("own", epoch)), c.upload(filled())
	const many = 150
	for i := range many {
		c.takeKey(own.ID, fmt.Sprint("own ", i), epoch)
	}
	for i, status := range store.Statuses() {
		c.move(none.ID, status, "")
		want := c.batch(none.ID)
		c.takeKey(none.ID, fmt.Sprint("none ", i, awkward()[i]), epoch)
		if d := diffBatch(want, c.batch(none.ID)); d != "" {
			c.Errorf("Batch after TakeKey:%s", d)
		}
	}
	c.keyIs("of its own key", "own", epoch, own.ID)
	for i := range many {
		c.keyIs("of one of many further keys", fmt.Sprint("own ", i), epoch, own.ID)
	}
	for i := range store.Statuses() {
		c.keyIs("of a further key", fmt.Sprint("none ", i, awkward()[i]), epoch, none.ID)
	}
	c.keyIs("of a key that nothing has", "Own 0", epoch, "")
	c.whole(none.ID, "after TakeKey")
}

func furtherKeyIsTaken(c *check) {
	d := need[store.Deduper](c)
	first, other := c.upload(keyed("own", epoch)).ID, c.upload(filled()).ID
	c.takeKey(first, "further", epoch)
	c.takeKey(first, "own", epoch)
	for _, after := range []time.Duration{0, time.Hour, keyTime - time.Millisecond} {
		now := epoch.Add(after)
		c.refuseKey(fmt.Sprintf("with the own key of a batch %v later", after), other, "own", now)
		c.refuseKey(fmt.Sprintf("with a further key of a batch %v later", after), other, "further", now)
		c.must(d.TakeKey(c.Context(), first, "further", now.Add(keyTime), now), "TakeKey of the batch that has the key")
	}
	c.keyIs("after TakeKey was repeated", "further", epoch.Add(keyTime), "")
	c.keyIs("that was refused to others", "further", epoch, first)
	c.keysAre("of a batch that got no key", other)
	for what, id := range map[string]string{"an unknown": c.id(), "a deleted": c.deleted(), "an unfinished": c.open()} {
		c.want(d.TakeKey(c.Context(), id, "new", epoch.Add(keyTime), epoch), store.ErrNotFound, "TakeKey for "+what+" batch")
	}
	c.keyIs("after TakeKey for batches that are not there", "new", epoch, "")
}

// deleted returns the id of a batch that was deleted.
func (c *check) deleted() string {
	c.Helper()
	id := c.uploaded()
	c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
	return id
}

// open returns the id of an unfinished upload.
func (c *check) open() string {
	c.Helper()
	_, b := c.prepare(filled())
	return b.ID
}

func furtherKeyExpires(c *check) {
	d := need[store.Deduper](c)
	first, second, third := c.upload(keyed("k", epoch)).ID, c.upload(filled()).ID, c.upload(filled()).ID
	later := epoch.Add(keyTime)
	c.takeKey(first, "k", later) // its own key, again
	c.refuseKey("with a key that its batch has taken again", second, "k", later.Add(keyTime-time.Millisecond))
	c.keyIs("taken again", "k", later, first)
	at := later.Add(keyTime)
	c.keyIs("that has expired twice", "k", at, "")
	for _, id := range []string{second, third, third, first} {
		c.must(d.TakeKey(c.Context(), id, "k", at.Add(keyTime+time.Millisecond-1), at), "TakeKey of a key that has expired")
		c.keyIs("until it expires, cut to the millisecond", "k", at.Add(keyTime-1), id)
		at = at.Add(keyTime)
		c.keyIs("that has expired", "k", at, "")
	}
	b := c.upload(keyed("k", at))
	c.keyIs("with which a batch was uploaded after it had expired", "k", at, b.ID)
	c.refuseKey("with the key of a new batch", first, "k", at)
}

func furtherKeysEnd(c *check) {
	need[store.Deduper](c)
	free := func(when, key string) {
		c.Helper()
		c.keyIs("after "+when, key, epoch, "")
		id := c.upload(keyed(key, epoch)).ID
		c.move(id, store.Queued, "")
		c.keyIs("of a key that was free after "+when, key, epoch, id)
	}
	id := c.upload(filled()).ID
	c.takeKey(id, "deleted", epoch)
	c.must(c.st.DeleteBatch(c.Context(), id), "DeleteBatch")
	free("DeleteBatch", "deleted")
	old := c.upload(filled())
	c.takeKey(old.ID, "pruned", epoch)
	_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: old.Created.Add(time.Second)})
	c.must(err, "Prune")
	free("Prune", "pruned")
	f, ok := store.As[store.Retainer](c.st)
	if !ok {
		return
	}
	id = c.recorded(c.someContribution(3))
	c.move(id, store.Completed, "")
	c.takeKey(id, "archived", epoch)
	c.must(f.PurgeEvents(c.Context(), id), "PurgeEvents")
	c.keyIs("after PurgeEvents", "archived", epoch, id)
	c.must(f.Archive(c.Context(), id), "Archive")
	free("Archive", "archived")
}

func furtherKeysErased(c *check) {
	need[store.Deduper](c)
	er := need[store.Retainer](c)
	first, second := c.named("a", "own"), c.upload(filled()).ID
	c.takeKey(first.ID, "k", epoch)
	c.takeKey(second, "of another", epoch)
	c.must(er.EraseNames(c.Context(), first.ID, store.Names{FileName: true}), "EraseNames of the file name")
	c.keysAre("after the file name was erased", first.ID, "k", "own")
	c.must(er.EraseNames(c.Context(), first.ID, store.Names{IdempotencyKey: true}), "EraseNames")
	c.keysAre("after the keys were erased", first.ID)
	c.keyIs("after the keys were erased", "k", epoch, "")
	c.keyIs("after the keys of another batch were erased", "of another", epoch, second)
	c.takeKey(second, "k", epoch)
	c.must(er.EraseNames(c.Context(), first.ID, store.Names{IdempotencyKey: true}), "EraseNames")
	c.keyIs("that another batch has taken after it was erased", "k", epoch, second)
}

func keysListed(c *check) {
	d := need[store.Deduper](c)
	none, own := c.upload(filled()).ID, c.upload(keyed("own", epoch)).ID
	c.keysAre("of a batch without any", none)
	c.keysAre("of a batch with its own", own, "own")
	for _, key := range []string{"é", "b", "own", "B", "a"} {
		c.takeKey(own, key, epoch)
	}
	c.takeKey(none, "z", epoch)
	c.keysAre("of a batch with further keys", own, "B", "a", "b", "own", "é")
	got, err := d.Keys(c.Context(), own)
	c.must(err, "Keys")
	got[0] = "scribble"
	c.keysAre("after the caller has written over an earlier answer", own, "B", "a", "b", "own", "é")
	c.takeKey(none, "a", epoch.Add(keyTime))
	c.keysAre("after another batch has taken an expired one", own, "B", "b", "own", "é")
	c.keysAre("of a batch with a key that another had", none, "a", "z")
	for what, id := range map[string]string{"an unknown": c.id(), "a deleted": c.deleted(), "an unfinished": c.open()} {
		_, err := d.Keys(c.Context(), id)
		c.want(err, store.ErrNotFound, "Keys of "+what+" batch")
	}
}

func furtherKeysPruned(c *check) {
	need[store.Deduper](c)
	id := c.upload(keyed("own", epoch)).ID
	c.move(id, store.Queued, "")
	c.takeKey(id, "early", epoch)
	c.takeKey(id, "late", epoch.Add(time.Millisecond))
	expired := epoch.Add(keyTime)
	for _, q := range []store.PruneQuery{{Before: expired}, {Before: expired.Add(time.Millisecond), DryRun: true}} {
		_, err := c.st.Prune(c.Context(), q)
		c.must(err, "Prune")
		c.keysAre(fmt.Sprintf("after Prune %+v", q), id, "early", "late", "own")
	}
	_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: expired.Add(time.Millisecond)})
	c.must(err, "Prune")
	c.keysAre("after Prune", id, "late", "own")
	c.keyIs("that Prune has left", "late", expired, id)
}

func takeKeyRace(c *check) {
	need[store.Deduper](c)
	const rivals = 12
	for round := range 3 {
		key := fmt.Sprint("key ", round)
		var writers []store.Writer
		var ids []string
		for i := range rivals {
			if i%2 == 0 {
				ids, writers = append(ids, c.upload(filled()).ID), append(writers, nil)
				continue
			}
			w, b := c.prepare(keyed(key, epoch))
			ids, writers = append(ids, b.ID), append(writers, w)
		}
		errs := concurrently(rivals, func(i int) error {
			if writers[i] == nil {
				return need[store.Deduper](c).TakeKey(c.Context(), ids[i], key, epoch.Add(keyTime), epoch)
			}
			u := keyed(key, epoch)
			_, err := writers[i].Commit(c.Context(), u.batch, nil)
			return err
		})
		var winners []string
		for i, err := range errs {
			if err == nil {
				winners = append(winners, ids[i])
			} else if !errors.Is(err, store.ErrKeyTaken) {
				c.Errorf("Commit or TakeKey concurrent with others: got error %v, want %v", err, store.ErrKeyTaken)
			}
			if writers[i] != nil {
				c.must(writers[i].Abort(c.Context()), "Abort")
			}
		}
		if len(winners) != 1 {
			c.Fatalf("%d of %d concurrent commits and TakeKeys with one key succeeded, want 1", len(winners), rivals)
		}
		c.keyIs("after concurrent commits and TakeKeys", key, epoch, winners[0])
	}
}
