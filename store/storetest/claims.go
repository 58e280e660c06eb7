package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

func claimsEnd(c *check) {
	need[store.Deduper](c)
	all := fpsOf(0, 50)
	kept := c.holding(all[:10])
	c.move(kept, store.Queued, "")
	soon := time.Now().Add(time.Hour)
	for what, end := range map[string]func(){
		"Abort": func() {
			w, b := c.prepare(filled())
			c.claim("of free fingerprints", b.ID, all[10:], times(40, ""))
			c.must(w.Abort(c.Context()), "Abort")
		},
		"DeleteBatch": func() {
			c.must(c.st.DeleteBatch(c.Context(), c.holding(all[10:])), "DeleteBatch")
		},
		"Prune of the batch": func() {
			c.holding(all[10:])
			c.prune(store.PruneQuery{Before: soon}, store.Pruned{Batches: 1, Events: 10})
		},
		"Prune of the unfinished upload": func() {
			_, b := c.prepare(filled())
			c.claim("of free fingerprints", b.ID, all[10:], times(40, ""))
			c.prune(store.PruneQuery{Before: soon}, store.Pruned{Unfinished: 1})
			c.refused("after Prune", b.ID, all[10:], store.ErrNotFound)
		},
	} {
		want := slices.Concat(times(10, kept), times(40, ""))
		end()
		c.ownersAre("after "+what, all, want)
		w, b := c.prepare(filled())
		c.claim("after "+what, b.ID, all, want)
		c.must(w.Abort(c.Context()), "Abort")
	}
}

func purgeKeepsClaims(c *check) {
	s := need[store.Retainer](c)
	need[store.Deduper](c)
	all := fpsOf(0, 20)
	id := c.holding(all)
	c.move(id, store.Completed, "")
	c.must(s.PurgeEvents(c.Context(), id), "PurgeEvents")
	c.prune(store.PruneQuery{Before: time.Now().Add(time.Hour)}, store.Pruned{})
	c.ownersAre("after PurgeEvents", all, times(20, id))
	_, b := c.prepare(filled())
	c.claim("after PurgeEvents", b.ID, all, times(20, id))
}

func claimBesideWriter(c *check) {
	d := need[store.Deduper](c)
	total := c.scaled(50_000)
	w, b := c.prepare(upload{})
	errs := concurrently(2, func(i int) error {
		if i == 0 {
			c.writeOddly(w, total)
			return nil
		}
		for call := range 20 {
			if _, err := d.Claim(c.Context(), b.ID, fpsOf(100*call, 100)); err != nil {
				return err
			}
		}
		return nil
	})
	c.must(errors.Join(errs...), "Claim concurrent with Write")
	b, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	if b.AcceptedRows != int64(total) {
		c.Errorf("Commit: got %d events, want %d", b.AcceptedRows, total)
	}
	c.ownersAre("of what was claimed concurrent with Write", fpsOf(0, 2000), times(2000, b.ID))
}

func claimRaces(c *check) {
	d := need[store.Deduper](c)
	const writers = 5
	for round := range raceRounds {
		all := fpsOf(1000*round, 200)
		answers := make([][]string, writers)
		ids := make([]string, writers)
		errs := concurrently(writers, func(i int) error {
			w, b := c.prepare(filled())
			ids[i] = b.ID
			var err error
			if answers[i], err = d.Claim(c.Context(), b.ID, all[20*i:]); err == nil {
				_, err = w.Commit(c.Context(), b, nil)
			}
			return errors.Join(err, w.Abort(c.Context()))
		})
		want := times(len(all), "")
		for i, err := range errs {
			if errors.Is(err, store.ErrClaimed) {
				continue
			}
			c.must(err, "Claim concurrent with others")
			c.given(all[20*i:], answers[i], want[20*i:], ids[i])
		}
		c.ownersAre("after Claim concurrent with others", all, want)
		w, b := c.prepare(filled())
		c.claim("after Claim concurrent with others", b.ID, all, want)
		c.must(w.Abort(c.Context()), "Abort")
	}
}

// given notes in owners what a batch was given, which must be of no other.
func (c *check) given(fps []store.Fingerprint, answers, owners []string, id string) {
	c.Helper()
	for i := range fps {
		if answers[i] != "" {
			continue
		}
		if owners[i] != "" {
			c.Fatalf("Claim concurrent with others: a fingerprint was given to %s and to %s", owners[i], id)
		}
		owners[i] = id
	}
}

// claimMany looks for some of many only: a test server may compare each with
// all.
func claimMany(c *check) {
	need[store.Deduper](c)
	total := c.scaled(100_000)
	all := fpsOf(0, 2*total)
	claimAll := func() string {
		w, b := c.prepare(filled())
		for part := range slices.Chunk(all[:total], 30_000) {
			c.claim("of many", b.ID, part, times(len(part), ""))
		}
		_, err := w.Commit(c.Context(), b, nil)
		c.must(err, "Commit")
		return b.ID
	}
	var some []store.Fingerprint
	for i := 0; i < len(all); i += 64 {
		some = append(some, all[i])
	}
	first := claimAll()
	second := c.holding(all[total:])
	want := slices.Concat(times((total+63)/64, first), times(len(some)-(total+63)/64, second))
	_, b := c.prepare(filled())
	c.claim("of what two batches have", b.ID, some, want)
	c.must(c.st.DeleteBatch(c.Context(), first), "DeleteBatch")
	third := claimAll()
	for i := range want {
		if want[i] == first {
			want[i] = third
		}
	}
	c.ownersAre("of many after DeleteBatch and Claim", some, want)
}

func reopenClaims(c *check) {
	need[store.Deduper](c)
	c.needs("Reopen")
	all := fpsOf(0, 300)
	kept := c.holding(all[:100])
	c.move(kept, store.Queued, "")
	_, lost := c.prepare(filled())
	c.claim("of new fingerprints", lost.ID, all[100:200], times(100, ""))
	c.reopen()
	want := slices.Concat(times(100, kept), times(200, ""))
	c.ownersAre("after the process was lost", all, want)
	_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)})
	c.must(err, "Prune")
	w, b := c.prepare(filled())
	c.claim("after Prune of what the lost process left", b.ID, all, want)
	_, err = w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	c.ownersAre("after all that", all, slices.Concat(times(100, kept), times(200, b.ID)))
}
