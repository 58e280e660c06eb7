package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const (
	claims   = "Deduper.Claim gives those of the fingerprints that no batch has, and returns, in the order of prints, the id of the batch that had each, and \"\" for one that was given now."
	freeing  = "Deduper: a fingerprint stays with its batch when that is sealed, and is free again when the batch is deleted or pruned, or its Writer aborted."
	claimed  = "Deduper.Claim: ErrClaimed when an unfinished Writer of another batch has one of the fingerprints; other batches are only answered with once they are visible."
	oneBatch = "Deduper: a fingerprint is of one batch at most."
	ofOwners = "Deduper.Owners returns, in the order of prints, the id of the visible batch that has each, and \"\" for one that none has. It changes nothing."
)

func deduperRules() []rule {
	return []rule{
		{"Deduper: Claim answers with the batch that has each fingerprint", claims, claimAnswers},
		{"Deduper: fingerprints that differ in one bit are different", oneBatch, claimIsExact},
		{"Deduper: a repeat has the id of its own batch", claims + " So of two equal ones the later has the id of its own batch.", claimRepeats},
		{"Deduper: Claim does not change or keep the fingerprints", "Deduper.Claim: the store does not change or keep prints, and the answer belongs to the caller.", claimKeepsNothing},
		{"Deduper: Owners sees visible batches and changes nothing", ofOwners, ownersOnlyLook},
		{"Deduper: what an unfinished Writer has is ErrClaimed", claimed, claimUnfinished},
		{"Deduper: Claim needs a Writer", "Deduper.Claim: ErrNotFound when the batch of id is not that of a Writer.", claimNeedsWriter},
		{"Deduper: claims end with their batch", freeing, claimsEnd},
		{"Deduper: Seal keeps claims", freeing, sealKeepsClaims},
		{"Deduper: Claim may be called beside the Writer", "Deduper.Claim may be called beside the methods of the Writer.", claimBesideWriter},
		{"Deduper: one of several Writers has a fingerprint", oneBatch, claimRaces},
		{"Deduper: many fingerprints are known as well as few", claims, claimMany},
		{"Deduper: claims survive the process", durable + " " + claimed, reopenClaims},
		{"Deduper: claims are those of a map", claims + " " + freeing, claimLaw},
	}
}

// printsOf returns the fingerprints with the numbers from first to first+n.
func printsOf(first, n int) []store.Fingerprint {
	prints := make([]store.Fingerprint, n)
	for i := range prints {
		prints[i] = printOf(first + i)
	}
	return prints
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
func (c *check) claim(when, id string, prints []store.Fingerprint, want []string) {
	c.Helper()
	got, err := need[store.Deduper](c).Claim(c.Context(), id, prints)
	c.must(err, "Claim "+when)
	c.answersAre("Claim "+when, want, got)
}

// ownersAre reports owners that are not the wanted ones.
func (c *check) ownersAre(when string, prints []store.Fingerprint, want []string) {
	c.Helper()
	got, err := need[store.Deduper](c).Owners(c.Context(), prints)
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
func (c *check) refused(when, id string, prints []store.Fingerprint, want error) {
	c.Helper()
	_, err := need[store.Deduper](c).Claim(c.Context(), id, prints)
	c.want(err, want, "Claim "+when)
}

// holding commits a batch that has claimed fingerprints, which nobody had.
func (c *check) holding(prints []store.Fingerprint) string {
	c.Helper()
	w, b := c.prepare(filled())
	c.claim("of new fingerprints", b.ID, prints, times(len(prints), ""))
	_, err := w.Commit(c.Context(), b)
	c.must(err, "Commit")
	return b.ID
}

func claimAnswers(c *check) {
	need[store.Deduper](c)
	all := printsOf(0, 150)
	first := c.holding(all[:100])
	w, b := c.prepare(filled())
	c.claim("of nothing", b.ID, nil, nil)
	c.claim("of some that a batch has", b.ID, all[50:], slices.Concat(times(50, first), times(50, "")))
	_, err := w.Commit(c.Context(), b)
	c.must(err, "Commit")

	_, third := c.prepare(filled())
	prints, want := slices.Clone(all), slices.Concat(times(100, first), times(50, b.ID))
	c.random().Shuffle(len(prints), func(i, j int) {
		prints[i], prints[j] = prints[j], prints[i]
		want[i], want[j] = want[j], want[i]
	})
	c.claim("out of order", third.ID, prints, want)
}

func claimIsExact(c *check) {
	need[store.Deduper](c)
	var prints []store.Fingerprint
	for _, base := range []store.Fingerprint{{}, printOf(1)} {
		prints = append(prints, base)
		for bit := range 8 * len(base) {
			other := base
			other[bit/8] ^= 1 << (bit % 8)
			prints = append(prints, other)
		}
	}
	for i := range 300 { // in the order of numbers, which no digest has
		prints = append(prints, store.Fingerprint{12: 1, 13: 1, 14: byte(i >> 8), 15: byte(i)})
	}
	ids := make([]string, len(prints))
	for i := range prints {
		if i < 40 {
			ids[i] = c.holding(prints[i : i+1])
		}
	}
	rest := c.holding(prints[40:])
	for i := range ids[40:] {
		ids[40+i] = rest
	}
	c.ownersAre("of fingerprints that differ in one bit", prints, ids)
}

func claimRepeats(c *check) {
	need[store.Deduper](c)
	w, b := c.prepare(filled())
	p := printsOf(0, 4)
	c.claim("of repeats", b.ID, []store.Fingerprint{p[0], p[1], p[0], p[2], p[1], p[0]}, []string{"", "", b.ID, "", b.ID, b.ID})
	c.claim("of what the batch has", b.ID, []store.Fingerprint{p[3], p[2], p[3], p[0]}, []string{"", b.ID, b.ID, b.ID})
	_, err := w.Commit(c.Context(), b)
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
	_, err = w.Commit(c.Context(), b)
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
	all := printsOf(0, 30)
	first := c.holding(all[:10])
	w, b := c.prepare(filled())
	c.claim("of new fingerprints", b.ID, all[10:20], times(10, ""))
	want := slices.Concat(times(10, first), times(20, ""))
	for range 2 {
		c.ownersAre("beside an unfinished Writer", all, want)
	}
	c.ownersAre("of nothing", nil, nil)
	c.ownersAre("of repeats", []store.Fingerprint{all[3], all[29], all[3], all[29]}, []string{first, "", first, ""})
	c.claim("after Owners", b.ID, all, slices.Concat(times(10, first), times(10, b.ID), times(10, "")))
	_, err := w.Commit(c.Context(), b)
	c.must(err, "Commit")
	c.ownersAre("after Commit", all, slices.Concat(times(10, first), times(20, b.ID)))
}

func claimUnfinished(c *check) {
	need[store.Deduper](c)
	all := printsOf(0, 30)
	w, b := c.prepare(filled())
	c.claim("of new fingerprints", b.ID, all[:20], times(20, ""))
	late, lateBatch := c.prepare(filled())
	c.refused("of what an unfinished Writer has", lateBatch.ID, all[10:], store.ErrClaimed)
	c.must(late.Abort(c.Context()), "Abort")
	_, err := w.Commit(c.Context(), b)
	c.must(err, "Commit of the Writer that came first")

	_, again := c.prepare(filled())
	c.claim("after the other Writer's Commit", again.ID, all, slices.Concat(times(20, b.ID), times(10, "")))
}

func claimNeedsWriter(c *check) {
	need[store.Deduper](c)
	w, aborted := c.prepare(filled())
	c.must(w.Abort(c.Context()), "Abort")
	deleted := c.uploaded()
	c.must(c.st.DeleteBatch(c.Context(), deleted), "DeleteBatch")
	for what, id := range map[string]string{"unknown": c.id(), "committed": c.uploaded(), "aborted": aborted.ID, "deleted": deleted} {
		c.refused("for a batch that is "+what, id, printsOf(0, 3), store.ErrNotFound)
	}
	c.holding(printsOf(0, 3))
}

func claimsEnd(c *check) {
	need[store.Deduper](c)
	all := printsOf(0, 50)
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
		"Prune of the remainder": func() {
			_, b := c.prepare(filled())
			c.claim("of free fingerprints", b.ID, all[10:], times(40, ""))
			c.prune(store.PruneQuery{Before: soon}, store.Pruned{Remainders: 1})
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

func sealKeepsClaims(c *check) {
	s := need[store.Sealer](c)
	need[store.Deduper](c)
	all := printsOf(0, 20)
	id := c.holding(all)
	c.move(id, store.Completed, "")
	c.must(s.Seal(c.Context(), id), "Seal")
	c.prune(store.PruneQuery{Before: time.Now().Add(time.Hour)}, store.Pruned{})
	c.ownersAre("after Seal", all, times(20, id))
	_, b := c.prepare(filled())
	c.claim("after Seal", b.ID, all, times(20, id))
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
			if _, err := d.Claim(c.Context(), b.ID, printsOf(100*call, 100)); err != nil {
				return err
			}
		}
		return nil
	})
	c.must(errors.Join(errs...), "Claim beside Write")
	b, err := w.Commit(c.Context(), b)
	c.must(err, "Commit")
	if b.Events != int64(total) {
		c.Errorf("Commit: got %d events, want %d", b.Events, total)
	}
	c.ownersAre("of what was claimed beside Write", printsOf(0, 2000), times(2000, b.ID))
}

func claimRaces(c *check) {
	d := need[store.Deduper](c)
	const writers = 5
	for round := range c.scaled(20) {
		all := printsOf(1000*round, 200)
		answers := make([][]string, writers)
		ids := make([]string, writers)
		errs := concurrently(writers, func(i int) error {
			w, b := c.prepare(filled())
			ids[i] = b.ID
			var err error
			if answers[i], err = d.Claim(c.Context(), b.ID, all[20*i:]); err == nil {
				_, err = w.Commit(c.Context(), b)
			}
			return errors.Join(err, w.Abort(c.Context()))
		})
		want := times(len(all), "")
		for i, err := range errs {
			if errors.Is(err, store.ErrClaimed) {
				continue
			}
			c.must(err, "Claim beside others")
			c.given(all[20*i:], answers[i], want[20*i:], ids[i])
		}
		c.ownersAre("after Claim beside others", all, want)
		w, b := c.prepare(filled())
		c.claim("after Claim beside others", b.ID, all, want)
		c.must(w.Abort(c.Context()), "Abort")
	}
}

// given notes in owners what a batch was given, which must be of no other.
func (c *check) given(prints []store.Fingerprint, answers, owners []string, id string) {
	c.Helper()
	for i := range prints {
		if answers[i] != "" {
			continue
		}
		if owners[i] != "" {
			c.Fatalf("Claim beside others: a fingerprint was given to %s and to %s", owners[i], id)
		}
		owners[i] = id
	}
}

// claimMany looks for some of many only: a test server may compare each with
// all.
func claimMany(c *check) {
	need[store.Deduper](c)
	total := c.scaled(100_000)
	all := printsOf(0, 2*total)
	claimAll := func() string {
		w, b := c.prepare(filled())
		for part := range slices.Chunk(all[:total], 30_000) {
			c.claim("of many", b.ID, part, times(len(part), ""))
		}
		_, err := w.Commit(c.Context(), b)
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
	c.needReopen()
	all := printsOf(0, 300)
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
	_, err = w.Commit(c.Context(), b)
	c.must(err, "Commit")
	c.ownersAre("after all that", all, slices.Concat(times(100, kept), times(200, b.ID)))
}

// claimModel is a model of claims: the batches, and what each has.
type claimModel struct {
	c       *check
	rng     *rand.Rand
	owner   map[store.Fingerprint]string
	visible []string
	pool    int // the number of different fingerprints
}

func claimLaw(c *check) {
	need[store.Deduper](c)
	m := claimModel{c: c, rng: c.random(), owner: map[store.Fingerprint]string{}, pool: c.scaled(3000)}
	for i := range c.scaled(300) {
		m.step()
		if i%10 == 9 {
			m.compare(fmt.Sprintf("after %d random steps with seed %d", i+1, c.seed()))
		}
	}
}

// some returns random fingerprints, of which few or many are claimed already,
// and repeats.
func (m *claimModel) some() []store.Fingerprint {
	n := m.rng.IntN(40)
	if m.rng.IntN(8) == 0 {
		n = m.rng.IntN(m.pool)
	}
	prints := make([]store.Fingerprint, n)
	for i := range prints {
		prints[i] = printOf(m.rng.IntN(m.pool))
	}
	return prints
}

func (m *claimModel) step() {
	m.c.Helper()
	switch n := m.rng.IntN(10); {
	case n < 6:
		m.upload()
	case n < 9 && len(m.visible) > 0:
		i := m.rng.IntN(len(m.visible))
		id := m.visible[i]
		m.visible = slices.Delete(m.visible, i, i+1)
		m.c.must(m.c.st.DeleteBatch(m.c.Context(), id), "DeleteBatch")
		m.forget(id)
	default:
		_, err := m.c.st.Prune(m.c.Context(), store.PruneQuery{Before: epoch.Add(-time.Hour)})
		m.c.must(err, "Prune")
	}
}

// upload begins a batch, claims a few times, and commits or aborts.
func (m *claimModel) upload() {
	m.c.Helper()
	w, b := m.c.prepare(filled())
	for range 1 + m.rng.IntN(3) {
		prints := m.some()
		want := make([]string, len(prints))
		for i, p := range prints {
			if want[i] = m.owner[p]; want[i] == "" {
				m.owner[p] = b.ID
			}
		}
		m.c.claim(fmt.Sprintf("in a random step with seed %d", m.c.seed()), b.ID, prints, want)
	}
	if m.rng.IntN(4) == 0 {
		m.c.must(w.Abort(m.c.Context()), "Abort")
		m.forget(b.ID)
		return
	}
	_, err := w.Commit(m.c.Context(), b)
	m.c.must(err, "Commit")
	m.visible = append(m.visible, b.ID)
}

func (m *claimModel) forget(id string) {
	for p, owner := range m.owner {
		if owner == id {
			delete(m.owner, p)
		}
	}
}

func (m *claimModel) compare(when string) {
	m.c.Helper()
	prints := printsOf(0, m.pool)
	want := make([]string, m.pool)
	for i, p := range prints {
		want[i] = m.owner[p]
	}
	m.c.ownersAre(when, prints, want)
}
