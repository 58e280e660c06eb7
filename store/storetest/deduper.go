package storetest

import (
	"math/rand/v2"
	"slices"

	"github.com/eventmetrics/eventmetrics/store"
)

const (
	claims   = "Deduper.Claim: gives the batch of an open Writer those of the fingerprints that no batch has. For each one, in the order of fps, it returns the id of the batch that had it, or \"\" if the batch has got it now."
	freeing  = "Deduper.Claim: Claims need not be durable before Commit.\nDeduper: A batch keeps its fingerprints when its events are purged and when it is archived. A fingerprint is free again when each batch that has it is deleted or pruned, or its Writer is aborted."
	claimed  = "Deduper.Claim: ErrClaimed when the open Writer of another batch has one of the fingerprints. The other ids in the answer are those of visible and archived batches."
	oneBatch = "Deduper: Claim gives a fingerprint to at most one batch."
	ofOwners = "Deduper.Owners: returns the id of the visible or archived batch that has each fingerprint, or of one of them, in the order of fps, and \"\" where no batch has it. It changes nothing."
)

func deduperRules() []rule {
	return []rule{
		{"Deduper: Claim answers with the batch that has each fingerprint", claims, claimAnswers},
		{"Deduper: fingerprints that differ in one bit are different", oneBatch, claimIsExact},
		{"Deduper: a repeat has the id of its own batch", claims + " If fps has one twice, the answer for the second is the id of the batch itself.", claimRepeats},
		{"Deduper: Claim does not change or keep the fingerprints", "Deduper.Claim: the store does not change or keep fps, and the answer belongs to the caller.\nDeduper.Owners: The store does not keep fps, and the answer belongs to the caller.", claimKeepsNothing},
		{"Deduper: Owners returns visible batches and changes nothing", ofOwners, ownersOnlyLook},
		{"Deduper: a fingerprint of an open Writer is ErrClaimed", claimed, claimUnfinished},
		{"Deduper: a Writer can be used after ErrClaimed", "Deduper.Claim: The Writer can be used after ErrClaimed", claimGoesOn},
		{"Deduper: Claim needs an open Writer", "Deduper.Claim: ErrNotFound when id is not the batch of an open Writer.", claimNeedsWriter},
		{"Deduper: claims end with their batch", freeing, claimsEnd},
		{"Deduper: PurgeEvents keeps claims", freeing, purgeKeepsClaims},
		{"Deduper: Claim may run concurrently with the Writer", "Deduper.Claim: Claim may run concurrently with the methods of the Writer.", claimBesideWriter},
		{"Deduper: one of several Writers gets a fingerprint", oneBatch, claimRaces},
		{"Deduper: many fingerprints are known as well as few", claims, claimMany},
		{"Deduper: claims survive the process", durable + "\n" + claimed, reopenClaims},
		{"Deduper: a silent Writer keeps its claims", "Deduper.Claim: A Writer keeps its claims while its process lives, however long it makes no call", silentWriterKeepsClaims},
		{"Deduper: claims of a lost process end", "Deduper.Claim: ClaimTimeout after the loss of its process, a Claim takes what it has.", lostClaimsEnd},
		{"Deduper: claims are like those in a map", claims + "\n" + freeing, claimLaw},
	}
}

// printsOf returns the fingerprints with the numbers from first to first+n.
func fpsOf(first, n int) []store.Fingerprint {
	fps := make([]store.Fingerprint, n)
	for i := range fps {
		fps[i] = printOf(first + i)
	}
	return fps
}

// printOf spreads fingerprints as a digest would.
func printOf(i int) store.Fingerprint {
	var p store.Fingerprint
	rng := rand.New(rand.NewPCG(uint64(i), 7))
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

// times returns n times id.
func times(n int, id string) []string { return slices.Repeat([]string{id}, n) }

// claim claims fingerprints and reports an answer that is not the wanted one.
func (c *check) claim(when, id string, fps []store.Fingerprint, want []string) {
	c.Helper()
	got, err := need[store.Deduper](c).Claim(c.Context(), id, fps)
	c.must(err, "Claim "+when)
	c.answersAre("Claim "+when, want, got)
}

// ownersAre reports owners that are not the wanted ones.
func (c *check) ownersAre(when string, fps []store.Fingerprint, want []string) {
	c.Helper()
	got, err := need[store.Deduper](c).Owners(c.Context(), fps)
	c.must(err, "Owners "+when)
	c.answersAre("Owners "+when, want, got)
}

func (c *check) answersAre(call string, want, got []string) {
	c.Helper()
	if len(want) != len(got) {
		c.Fatalf("%s: got %d answers to %d fingerprints", call, len(got), len(want))
	}
	for i := range want {
		if want[i] != got[i] {
			c.Errorf("%s: answer %d of %d is %q, want %q", call, i, len(want), got[i], want[i])
			return
		}
	}
}

// refused reports a Claim that had another error than the wanted one.
func (c *check) refused(when, id string, fps []store.Fingerprint, want error) {
	c.Helper()
	_, err := need[store.Deduper](c).Claim(c.Context(), id, fps)
	c.want(err, want, "Claim "+when)
}

// holding commits a batch that has claimed fingerprints, that no batch had.
func (c *check) holding(fps []store.Fingerprint) string {
	c.Helper()
	w, b := c.prepare(filled())
	c.claim("of new fingerprints", b.ID, fps, times(len(fps), ""))
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	return b.ID
}

func claimAnswers(c *check) {
	need[store.Deduper](c)
	all := fpsOf(0, 150)
	first := c.holding(all[:100])
	w, b := c.prepare(filled())
	c.claim("of nothing", b.ID, nil, nil)
	c.claim("of some that a batch has", b.ID, all[50:], slices.Concat(times(50, first), times(50, "")))
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")

	_, third := c.prepare(filled())
	fps, want := slices.Clone(all), slices.Concat(times(100, first), times(50, b.ID))
	c.random().Shuffle(len(fps), func(i, j int) {
		fps[i], fps[j] = fps[j], fps[i]
		want[i], want[j] = want[j], want[i]
	})
	c.claim("out of order", third.ID, fps, want)
}

func claimIsExact(c *check) {
	need[store.Deduper](c)
	var fps []store.Fingerprint
	for _, base := range []store.Fingerprint{{}, printOf(1)} {
		fps = append(fps, base)
		for bit := range 8 * len(base) {
			other := base
			other[bit/8] ^= 1 << (bit % 8)
			fps = append(fps, other)
		}
	}
	for i := range 300 { // in the order of numbers, which no digest has
		fps = append(fps, store.Fingerprint{12: 1, 13: 1, 14: byte(i >> 8), 15: byte(i)})
	}
	ids := make([]string, len(fps))
	for i := range fps {
		if i < 40 {
			ids[i] = c.holding(fps[i : i+1])
		}
	}
	rest := c.holding(fps[40:])
	for i := range ids[40:] {
		ids[40+i] = rest
	}
	c.ownersAre("of fingerprints that differ in one bit", fps, ids)
}

func claimRepeats(c *check) {
	need[store.Deduper](c)
	w, b := c.prepare(filled())
	p := fpsOf(0, 4)
	c.claim("of repeats", b.ID, []store.Fingerprint{p[0], p[1], p[0], p[2], p[1], p[0]}, []string{"", "", b.ID, "", b.ID, b.ID})
	c.claim("of what the batch has", b.ID, []store.Fingerprint{p[3], p[2], p[3], p[0]}, []string{"", b.ID, b.ID, b.ID})
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	c.ownersAre("of repeats", p, times(4, b.ID))
}

func claimKeepsNothing(c *check) {
	d := need[store.Deduper](c)
	w, b := c.prepare(filled())
	want := []store.Fingerprint{printOf(3), printOf(1), printOf(2), printOf(1)}
	mine := slices.Clone(want)
	got, err := d.Claim(c.Context(), b.ID, mine)
	c.must(err, "Claim")
	if !slices.Equal(want, mine) {
		c.Errorf("Claim changed the fingerprints that it was given")
	}
	clear(mine)
	for i := range got {
		got[i] = "scribble"
	}
	_, err = w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	mine = slices.Clone(want)
	for range 2 {
		got, err := d.Owners(c.Context(), mine)
		c.must(err, "Owners")
		if !slices.Equal(want, mine) {
			c.Errorf("Owners changed the fingerprints that it was given")
		}
		c.answersAre("Owners after the caller has written over an answer", times(4, b.ID), got)
		got[0] = "scribble"
	}
}

func ownersOnlyLook(c *check) {
	need[store.Deduper](c)
	all := fpsOf(0, 30)
	first := c.holding(all[:10])
	w, b := c.prepare(filled())
	c.claim("of new fingerprints", b.ID, all[10:20], times(10, ""))
	want := slices.Concat(times(10, first), times(20, ""))
	for range 2 {
		c.ownersAre("concurrent with an open Writer", all, want)
	}
	c.ownersAre("of nothing", nil, nil)
	c.ownersAre("of repeats", []store.Fingerprint{all[3], all[29], all[3], all[29]}, []string{first, "", first, ""})
	c.claim("after Owners", b.ID, all, slices.Concat(times(10, first), times(10, b.ID), times(10, "")))
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit")
	c.ownersAre("after Commit", all, slices.Concat(times(10, first), times(20, b.ID)))
}

func claimUnfinished(c *check) {
	need[store.Deduper](c)
	all := fpsOf(0, 30)
	w, b := c.prepare(filled())
	c.claim("of new fingerprints", b.ID, all[:20], times(20, ""))
	late, lateBatch := c.prepare(filled())
	c.refused("of what an unfinished Writer has", lateBatch.ID, all[10:], store.ErrClaimed)
	c.must(late.Abort(c.Context()), "Abort")
	_, err := w.Commit(c.Context(), b, nil)
	c.must(err, "Commit of the Writer that came first")

	_, again := c.prepare(filled())
	c.claim("after the other Writer's Commit", again.ID, all, slices.Concat(times(20, b.ID), times(10, "")))
}

func claimGoesOn(c *check) {
	need[store.Deduper](c)
	p := fpsOf(0, 3)
	w, b := c.prepare(filled())
	c.claim("of a new fingerprint", b.ID, p[:1], times(1, ""))
	late, lateBatch := c.prepare(filled())
	c.claim("of another", lateBatch.ID, p[1:2], times(1, ""))
	c.refused("of what an unfinished Writer has", lateBatch.ID, p[:1], store.ErrClaimed)
	c.claim("after ErrClaimed", lateBatch.ID, p[1:], []string{lateBatch.ID, ""})
	_, err := late.Commit(c.Context(), lateBatch, nil)
	c.must(err, "Commit after ErrClaimed")
	_, err = w.Commit(c.Context(), b, nil)
	c.must(err, "Commit of the Writer that came first")
	c.ownersAre("after both", p, []string{b.ID, lateBatch.ID, lateBatch.ID})
}

func claimNeedsWriter(c *check) {
	need[store.Deduper](c)
	w, aborted := c.prepare(filled())
	c.must(w.Abort(c.Context()), "Abort")
	deleted := c.uploaded()
	c.must(c.st.DeleteBatch(c.Context(), deleted), "DeleteBatch")
	for what, id := range map[string]string{"unknown": c.id(), "committed": c.uploaded(), "aborted": aborted.ID, "deleted": deleted} {
		c.refused("for a batch that is "+what, id, fpsOf(0, 3), store.ErrNotFound)
	}
	c.holding(fpsOf(0, 3))
}
