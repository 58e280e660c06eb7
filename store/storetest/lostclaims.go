package storetest

import (
	"cmp"
	"errors"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

func (c *check) claimTimeout() time.Duration { return cmp.Or(c.h.ClaimTimeout, store.ClaimTimeout) }

// silentWriterKeepsClaims lets a Writer make no call for longer than the claims of
// a lost process last, and has another process ask for what it has.
func silentWriterKeepsClaims(c *check) {
	need[store.Deduper](c)
	other := c.st
	if c.h.OpenPair != nil {
		c.st, other = c.h.OpenPair(c.t)
	}
	fps := fpsOf(0, 20)
	w, b := c.prepare(filled())
	c.claim("of new fingerprints", b.ID, fps, times(20, ""))
	mine := c.st
	c.st = other
	_, late := c.prepare(filled())
	for begin := time.Now(); time.Since(begin) < 2*c.claimTimeout(); time.Sleep(c.claimTimeout() / 20) {
		c.refused("of what a silent Writer has", late.ID, fps, store.ErrClaimed)
	}
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit of a Writer that made no call for long")
	c.st = mine
	c.ownersAre("of what a silent Writer had", fps, times(20, b.ID))
}

// lostClaimsEnd asks for what the Writer of a lost process has until it gets it.
func lostClaimsEnd(c *check) {
	need[store.Deduper](c)
	c.needs("Reopen")
	fps := fpsOf(0, 20)
	_, lost := c.prepare(filled())
	c.claim("of new fingerprints", lost.ID, fps, times(20, ""))
	c.reopen()
	d := need[store.Deduper](c)
	w, b := c.prepare(filled())
	var got []string
	var err error
	for begin := time.Now(); time.Since(begin) < 8*c.claimTimeout(); time.Sleep(c.claimTimeout() / 20) {
		if got, err = d.Claim(c.Context(), b.ID, fps); !errors.Is(err, store.ErrClaimed) {
			break
		}
	}
	c.must(err, "Claim of what the Writer of a lost process had, after 8 times ClaimTimeout")
	c.answersAre("Claim of what the Writer of a lost process had", times(20, ""), got)
	_, err = w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	c.ownersAre("of what the Writer of a lost process had", fps, times(20, b.ID))
	c.invisible(lost.ID, "after its claims were taken")
}
