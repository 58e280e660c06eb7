package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

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
	fps := make([]store.Fingerprint, n)
	for i := range fps {
		fps[i] = printOf(m.rng.IntN(m.pool))
	}
	return fps
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
		m.drop(id)
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
		fps := m.some()
		want := make([]string, len(fps))
		for i, p := range fps {
			if want[i] = m.owner[p]; want[i] == "" {
				m.owner[p] = b.ID
			}
		}
		m.c.claim(fmt.Sprintf("in a random step with seed %d", m.c.seed()), b.ID, fps, want)
	}
	if m.rng.IntN(4) == 0 {
		m.c.must(w.Abort(m.c.Context()), "Abort")
		m.drop(b.ID)
		return
	}
	_, err := w.Commit(m.c.Context(), b, nil)
	m.c.must(err, "Commit")
	m.visible = append(m.visible, b.ID)
}

func (m *claimModel) drop(id string) {
	for p, owner := range m.owner {
		if owner == id {
			delete(m.owner, p)
		}
	}
}

func (m *claimModel) compare(when string) {
	m.c.Helper()
	fps := fpsOf(0, m.pool)
	want := make([]string, m.pool)
	for i, p := range fps {
		want[i] = m.owner[p]
	}
	m.c.ownersAre(when, fps, want)
}
