package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const (
	keyTaken = "Writer.Commit: ErrKeyTaken when another batch has b.IdempotencyKey at b.Created, see BatchOfKey"
	keyOf    = "Store.BatchOfKey: returns the batch that has an idempotency key at a time: the one whose IdempotencyKey it is, before its KeyExpires, or to which Deduper.TakeKey has given it. Errors: ErrNotFound."
)

func keyRules() []rule {
	return []rule{
		{"an idempotency key is taken until it expires", keyTaken + "\n" + keyOf, keyIsTaken},
		{"an expired idempotency key is free", "Writer.Commit: after a key has expired, another batch may have it.\n" + keyOf, keyExpires},
		{"the idempotency key of a removed batch is free", keyTaken, keyOfRemoved},
		{"no idempotency key is no key", "Store.BatchOfKey: No batch has the empty key.", noKey},
		{"one of many concurrent commits gets the idempotency key", keyTaken, keyRace},
	}
}

// keyIs checks which batch has a key at a time, "" for none.
func (c *check) keyIs(when, key string, at time.Time, want string) {
	c.Helper()
	b, err := c.st.BatchOfKey(c.Context(), key, at)
	switch {
	case want == "":
		c.want(err, store.ErrNotFound, fmt.Sprintf("BatchOfKey %s, of %.60q", when, key))
	case err != nil || b.ID != want:
		c.Errorf("BatchOfKey %s, of %.60q: got batch %q, %v; want %s", when, key, b.ID, err, want)
	default:
		if d := diffBatch(c.batch(want), b); d != "" {
			c.Errorf("BatchOfKey %s, of %.60q:%s", when, key, d)
		}
	}
}

func keyed(key string, created time.Time) upload {
	u := filled()
	u.batch = store.Batch{IdempotencyKey: key, Created: created, KeyExpires: created.Add(24 * time.Hour)}
	return u
}

func keyIsTaken(c *check) {
	first := c.upload(keyed("k", epoch))
	for _, after := range []time.Duration{0, time.Hour, 24*time.Hour - time.Millisecond} {
		w, b := c.prepare(keyed("k", epoch.Add(after)))
		_, err := w.Commit(c.Context(), b, nil)
		c.want(err, store.ErrKeyTaken, fmt.Sprintf("Commit with the same key %v later", after))
		c.invisible(b.ID, "after ErrKeyTaken")
		c.must(w.Abort(c.Context()), "Abort")
	}
	for after, want := range map[time.Duration]string{
		0: first.ID, 24*time.Hour - time.Millisecond: first.ID, 24*time.Hour - time.Nanosecond: first.ID, 24 * time.Hour: "", 25 * time.Hour: "",
	} {
		c.keyIs(fmt.Sprintf("%v later", after), "k", epoch.Add(after), want)
	}
	if d := diffBatch(first, c.batch(first.ID)); d != "" {
		c.Errorf("the batch that has the key:%s", d)
	}
	c.upload(keyed("K", epoch))
	c.upload(keyed("k ", epoch))
}

func keyExpires(c *check) {
	at := epoch
	for i, wait := range []time.Duration{0, 24 * time.Hour, 25 * time.Hour} {
		at = at.Add(wait)
		w, b := c.prepare(keyed("k", at))
		b, err := w.Commit(c.Context(), b, nil)
		c.must(err, fmt.Sprintf("Commit number %d, %v after the one before", i, wait))
		if b.IdempotencyKey != "k" {
			c.Errorf("Commit: IdempotencyKey is %q, want k", b.IdempotencyKey)
		}
		c.keyIs("of a key that others have had", "k", at, b.ID)
	}
	w, b := c.prepare(keyed("k", at.Add(time.Hour)))
	_, err := w.Commit(c.Context(), b, nil)
	c.want(err, store.ErrKeyTaken, "Commit while the last of three batches has the key")
	c.must(w.Abort(c.Context()), "Abort")
}

func keyOfRemoved(c *check) {
	w, _ := c.prepare(keyed("k", epoch))
	c.must(w.Abort(c.Context()), "Abort")
	deleted := c.upload(keyed("k", epoch))
	c.must(c.st.DeleteBatch(c.Context(), deleted.ID), "DeleteBatch")
	pruned := c.upload(keyed("k", epoch))
	_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: pruned.Created.Add(time.Second)})
	c.must(err, "Prune")
	last := c.upload(keyed("k", epoch))
	c.keyIs("after two batches with the key were removed", "k", epoch, last.ID)
}

func noKey(c *check) {
	for range 3 {
		c.upload(upload{batch: store.Batch{KeyExpires: epoch.Add(time.Hour)}})
	}
	c.keyIs("of no key", "", epoch, "")
}

func keyRace(c *check) {
	const rivals = 16
	for round := range 3 {
		key := fmt.Sprint("key ", round)
		var writers []store.Writer
		var batches []store.Batch
		for range rivals {
			w, b := c.prepare(keyed(key, epoch))
			writers, batches = append(writers, w), append(batches, b)
		}
		errs := concurrently(rivals, func(i int) error {
			_, err := writers[i].Commit(c.Context(), batches[i], nil)
			return err
		})
		var winners []string
		for i, err := range errs {
			if err == nil {
				winners = append(winners, batches[i].ID)
			} else if !errors.Is(err, store.ErrKeyTaken) {
				c.Errorf("Commit concurrent with others: got error %v, want %v", err, store.ErrKeyTaken)
			}
			c.must(writers[i].Abort(c.Context()), "Abort")
		}
		if len(winners) != 1 {
			c.Fatalf("%d of %d concurrent commits with one key succeeded, want 1", len(winners), rivals)
		}
		c.keyIs("after concurrent commits", key, epoch, winners[0])
	}
}
