package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const (
	sumLaw = "Package store: the daily metrics are by definition the sum of the ledger."
	whole  = "Store.DayCounts: the DayCounts of one day are of one state of the ledger: each includes all of a batch or nothing of it."
)

func lawRules() []rule {
	return []rule{
		{"the daily metrics are the sum of the ledger", sumLaw, lawHolds},
		{"the daily metrics are the sum of the ledger after concurrent changes", sumLaw, lawHoldsConcurrently},
		{"sketches drop the subjects of a deleted batch", sumLaw + "\nStore.DeleteBatch: DayCounts is then as if the batch had never existed.", sketchesDrop},
		{"readers never see a part of a batch", whole, readersSeeWhole},
	}
}

// ledger is the model of a ledger: what is in it and what could be.
type ledger struct {
	c        *check
	rng      *rand.Rand
	recorded map[string]metrics.Contribution
	uploaded []string // not recorded yet
}

func (c *check) newLedger(rng *rand.Rand) *ledger {
	return &ledger{c: c, rng: rng, recorded: map[string]metrics.Contribution{}}
}

// any returns a recorded batch, or "" if there is none.
func (l *ledger) any() string {
	ids := slices.Sorted(maps.Keys(l.recorded))
	if len(ids) == 0 {
		return ""
	}
	return ids[l.rng.IntN(len(ids))]
}

func (l *ledger) contribution() metrics.Contribution {
	n := l.rng.IntN(30)
	if l.rng.IntN(10) == 0 {
		n = 600 // enough for a dense sketch
	}
	return l.c.randomContribution(l.rng, n)
}

// step does one random thing to the store and to the model.
func (l *ledger) step() error {
	id := l.any()
	switch n := l.rng.IntN(10); {
	case n < 4 || id == "":
		return l.record()
	case n < 6:
		return l.c.st.Record(l.c.Context(), id, l.contribution()) // changes nothing
	case n < 8:
		delete(l.recorded, id)
		return l.c.st.DeleteBatch(l.c.Context(), id)
	}
	return l.amend(id)
}

func (l *ledger) record() error {
	if len(l.uploaded) == 0 {
		return fmt.Errorf("storetest: no batch left to record")
	}
	id, contribution := l.uploaded[0], l.contribution()
	l.uploaded, l.recorded[id] = l.uploaded[1:], contribution
	return l.c.st.Record(l.c.Context(), id, contribution)
}

func (l *ledger) amend(id string) error {
	a, ok := store.As[store.Auditor](l.c.st)
	if !ok {
		return nil
	}
	l.recorded[id] = l.contribution()
	return a.Amend(l.c.Context(), id, l.recorded[id])
}

// sum returns the contributions that remain.
func (l *ledger) sum() []metrics.Contribution { return slices.Collect(maps.Values(l.recorded)) }

func lawHolds(c *check) {
	steps := c.scaled(300)
	l := c.newLedger(c.random())
	for i := range steps {
		if len(l.uploaded) == 0 {
			l.uploaded = append(l.uploaded, c.uploaded())
		}
		c.must(l.step(), fmt.Sprintf("random step %d with seed %d", i, c.seed()))
		if i%10 == 9 || i == steps-1 {
			c.ledgerIs(fmt.Sprintf("after %d random steps with seed %d", i+1, c.seed()), l.sum()...)
		}
	}
}

func lawHoldsConcurrently(c *check) {
	const workers = 6
	const steps = raceRounds
	var models []*ledger
	for i := range workers {
		l := c.newLedger(rand.New(rand.NewPCG(c.seed(), uint64(i))))
		for range steps {
			l.uploaded = append(l.uploaded, c.uploaded())
		}
		models = append(models, l)
	}
	for _, err := range concurrently(workers, func(i int) error {
		for range steps {
			if err := models[i].step(); err != nil {
				return err
			}
		}
		return nil
	}) {
		c.must(err, "a random step concurrent with others")
	}
	var all []metrics.Contribution
	for _, l := range models {
		all = append(all, l.sum()...)
	}
	c.ledgerIs(fmt.Sprintf("after concurrent random steps with seed %d", c.seed()), all...)
}

func sketchesDrop(c *check) {
	rng := rand.New(rand.NewPCG(3, 3))
	var all []metrics.Contribution
	var ids []string
	for _, n := range []int{5, 800, 20, 3000, 1} {
		all = append(all, c.spread(rng, epoch, n))
		ids = append(ids, c.recorded(all[len(all)-1]))
	}
	for len(ids) > 0 {
		i := len(ids) / 2
		c.must(c.st.DeleteBatch(c.Context(), ids[i]), "DeleteBatch")
		ids, all = slices.Delete(ids, i, i+1), slices.Delete(all, i, i+1)
		c.ledgerIs(fmt.Sprintf("with %d batches left", len(ids)), all...)
	}
}

func readersSeeWhole(c *check) {
	const readers, steps = 3, 3 * raceRounds
	l := c.newLedger(c.random())
	for range steps {
		l.uploaded = append(l.uploaded, c.uploaded())
	}
	var done atomic.Bool
	errs := concurrently(readers+1, func(i int) error {
		if i > 0 {
			return c.readWhole(&done)
		}
		defer done.Store(true)
		for range steps {
			if err := l.step(); err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			c.Fatalf("a reader concurrent with a writer, with seed %d: %v", c.seed(), err)
		}
	}
}

// readWhole reads days until done and returns an error if one is not whole:
// left and right are equal in every contribution, see randomContribution.
func (c *check) readWhole(done *atomic.Bool) error {
	for last := false; !last; {
		last = done.Load()
		var all metrics.Contribution
		for d, err := range c.st.DayCounts(c.Context(), everything) {
			if err != nil {
				return err
			}
			all = append(all, d)
		}
		for day, types := range all.Days() {
			if err := wholeDay(day, types); err != nil {
				return err
			}
		}
	}
	return nil
}

func wholeDay(day metrics.Day, types metrics.Contribution) error {
	half := len(types) / 2
	left, right := types[:half], types[half:]
	if half == 0 || len(left) != len(right) || left[0].Type != "left" || right[0].Type != "right" {
		return fmt.Errorf("%s has %s, want left and right", day, names(types))
	}
	for i := range left {
		left[i].Type = right[i].Type
		if d := diffDayCount(&left[i], &right[i]); d != "" {
			return fmt.Errorf("left and right of %s are of different moments: %s", day, d)
		}
	}
	return nil
}
