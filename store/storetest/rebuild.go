package storetest

import (
	"fmt"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/store"
)

func rebuildRules() []rule {
	return []rule{{
		"Auditor: Rebuild changes no answer that is right",
		"Auditor.Rebuild: Rebuild computes again, from the ledger, all sums that DayCounts reads instead of the ledger. It changes no answer that is the sum of the ledger. Rebuild may run concurrently with all other methods, and is safe to repeat.",
		rebuilds,
	}}
}

func rebuilds(c *check) {
	r := need[store.Auditor](c)
	c.must(r.Rebuild(c.Context()), "Rebuild of an empty store")
	l := c.newLedger(c.random())
	for i := range c.scaled(60) {
		if len(l.uploaded) == 0 {
			l.uploaded = append(l.uploaded, c.uploaded())
		}
		c.must(l.step(), "a random step")
		if i%10 == 9 {
			c.must(r.Rebuild(c.Context()), "Rebuild")
			c.ledgerIs(fmt.Sprintf("after Rebuild, with seed %d", c.seed()), l.sum()...)
		}
	}
	const steps = 2 * raceRounds
	for range steps {
		l.uploaded = append(l.uploaded, c.uploaded())
	}
	var done atomic.Bool
	for _, err := range concurrently(3, func(i int) error {
		switch i {
		case 0:
			defer done.Store(true)
			for range steps {
				if err := l.step(); err != nil {
					return err
				}
			}
			return nil
		case 1:
			return c.readWhole(&done)
		}
		for !done.Load() {
			if err := r.Rebuild(c.Context()); err != nil {
				return err
			}
		}
		return nil
	}) {
		c.must(err, "Rebuild concurrent with random steps and a reader")
	}
	c.ledgerIs(fmt.Sprintf("after Rebuild concurrent with random steps, with seed %d", c.seed()), l.sum()...)
}
