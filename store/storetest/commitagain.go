package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

func commitAgainRules() []rule {
	return []rule{
		{"Commit may be repeated", "Writer.Commit: a Commit that is repeated after nil returns the same Batch and changes nothing.", commitRepeated},
		{"Commit may be repeated after ErrKeyTaken", "Writer.Commit: after ErrKeyTaken, Commit returns nil once the key is free.", commitAfterKeyTaken},
		{"Abort ends the Writer after a Commit that failed", "Writer.Abort: ends the Writer in every case, also after a Commit that has failed.", abortAfterFailure},
		{"Abort leaves a visible batch whole", "Writer.Abort: does nothing to a batch that is visible: neither after a Commit that has returned nil, nor after one that has made the batch visible and yet returned an error.", abortAfterLostAnswer},
	}
}

func commitRepeated(c *check) {
	u := keyed("k", epoch)
	w, b := c.prepare(u)
	first, err := w.Commit(c.Context(), b, c.someContribution(5))
	c.must(err, "Commit")
	for _, status := range []store.Status{store.Uploaded, store.Queued, store.Completed} {
		c.move(b.ID, status, "")
		want := c.batch(b.ID)
		again, err := w.Commit(c.Context(), b, c.someContribution(5))
		c.must(err, "Commit again")
		if d := diffBatch(first, again); d != "" {
			c.Errorf("the second answer of Commit:%s", d)
		}
		if d := diffBatch(want, c.batch(b.ID)); d != "" {
			c.Errorf("Batch after Commit again:%s", d)
		}
		c.whole(b.ID, "after Commit again")
	}
	c.idsAre("after Commit again", []string{b.ID}, c.list(store.BatchQuery{}))
	c.must(c.st.DeleteBatch(c.Context(), b.ID), "DeleteBatch")
	_, _ = w.Commit(c.Context(), b, nil) // either answer is right
	c.gone(b.ID, "after DeleteBatch and Commit again")
}

func commitAfterKeyTaken(c *check) {
	first := c.upload(keyed("k", epoch)).ID
	w, b := c.prepare(keyed("k", epoch))
	for range 2 {
		_, err := w.Commit(c.Context(), b, nil)
		c.want(err, store.ErrKeyTaken, "Commit with a key that is taken")
		c.invisible(b.ID, "after ErrKeyTaken")
	}
	c.must(c.st.DeleteBatch(c.Context(), first), "DeleteBatch")
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit after the key became free")
	c.whole(b.ID, "after ErrKeyTaken and Commit")
	c.keyIs("after Commit", "k", epoch, b.ID)
}

func abortAfterFailure(c *check) {
	c.move(c.upload(keyed("k", epoch)).ID, store.Queued, "")
	ended, cancel := context.WithCancel(c.Context())
	cancel()
	for _, ctx := range []context.Context{c.Context(), ended} {
		w, b := c.prepare(keyed("k", epoch))
		_, err := w.Commit(c.Context(), b, nil)
		c.want(err, store.ErrKeyTaken, "Commit with a key that is taken")
		if err := w.Abort(ctx); ctx != ended {
			c.must(err, "Abort after ErrKeyTaken")
		}
		b.IdempotencyKey = ""
		if _, err := w.Commit(c.Context(), b, nil); err == nil {
			c.Errorf("Commit after a Commit that failed and Abort: want an error")
		}
		c.invisible(b.ID, "after a Commit that failed and Abort")
		if ctx == ended { // may have left something to Prune
			_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: soon()})
			c.must(err, "Prune")
		}
		c.prune(store.PruneQuery{Before: soon()}, store.Pruned{})
	}
}

// abortAfterLostAnswer ends the contexts of Commits at different moments, so
// that some Commits end in the middle and others lose only their answer.
func abortAfterLostAnswer(c *check) {
	const rounds = 12
	began := time.Now()
	c.upload(filled())
	took := time.Since(began)
	for round := range rounds {
		w, b := c.prepare(filled())
		ctx, cancel := context.WithCancel(c.Context())
		end := time.AfterFunc(took*time.Duration(round)/rounds, cancel)
		_, err := w.Commit(ctx, b, nil)
		end.Stop()
		cancel()
		abort := w.Abort(c.Context())
		_, missing := c.st.Batch(c.Context(), b.ID)
		switch {
		case err == nil:
			c.must(abort, "Abort after Commit")
			c.must(missing, "Batch after Commit and Abort")
			c.whole(b.ID, "after Commit and Abort")
		case errors.Is(missing, store.ErrNotFound):
			c.invisible(b.ID, "after a Commit that was interrupted and Abort")
		default:
			c.must(missing, "Batch after a Commit that was interrupted and Abort")
			c.whole(b.ID, "after a Commit whose answer was lost and Abort")
		}
	}
}
