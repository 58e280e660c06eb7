// Package storetest is the conformance suite for implementations of package
// store.
//
// The test of a store calls [Run] with a [Harness] that opens it. Each subtest
// checks one rule of package store, and quotes the rule when it fails. The
// rules of an optional interface are skipped if [store.As] does not find it.
//
//	func TestStoreKeepsTheRules(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			Open: func(t *testing.T) store.Store { return open(t, t.TempDir()) },
//		})
//	}
//
// Package memstore is the model of a store that passes.
package storetest

import (
	"math/rand/v2"
	"testing"

	"github.com/eventmetrics/eventmetrics/store"
)

// Harness opens the store under test. Only Open is required.
type Harness struct {
	// Open returns a new, empty store, and closes it in t.Cleanup. A subtest
	// calls it one or more times.
	Open func(t *testing.T) store.Store

	// Reopen simulates the loss of the process. It drops the handle st, without
	// closing it cleanly where that is possible, opens the same data again and
	// returns the new handle, which it closes in t.Cleanup. Nil, as for a store
	// in memory, skips the rules about lost processes.
	Reopen func(t *testing.T, st store.Store) store.Store

	// Scale multiplies the number of rows, batches and steps of the large
	// checks; 0 means 1, which is 50,000 rows in a batch. A slow database may
	// need 0.1. Choose it so that the rows are more than the blocks and caches
	// of the store hold.
	Scale float64

	// Seed starts the randomized checks; 0 means 1. A failure of one of them
	// fingerprints the seed in use.
	Seed uint64
}

// Run checks every rule of package store in a subtest of its own.
func Run(t *testing.T, h Harness) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			r.check(newCheck(t, t, h, r))
		})
	}
}

// rule is one promise of a store.
type rule struct {
	// name is the promise as a short sentence.
	name string
	// why quotes the documentation of package store. It is part of each
	// failure.
	why   string
	check func(c *check)
}

func rules() []rule {
	var all []rule
	for _, some := range [][]rule{
		visibilityRules(), eventRules(), attachmentRules(), commitRules(), keyRules(),
		statusRules(), recordRules(), pendingRules(), dayCountRules(), lawRules(), deleteRules(),
		pruneRules(), batchesRules(), iteratorRules(), contextRules(), reopenRules(), pingRules(),
		auditorRules(), rebuildRules(), explainerRules(), deduperRules(), asOfRules(),
		purgeRules(), unpurgedRules(), archiveRules(), replaceRules(), eraseRules(), nameRules(), textRules(),
	} {
		all = append(all, some...)
	}
	return all
}

// need returns the optional interface T, or skips the rule.
func need[T any](c *check) T {
	c.Helper()
	optional, ok := store.As[T](c.st)
	if !ok {
		c.Skipf("%T is no %T", c.st, (*T)(nil))
	}
	return optional
}

// scaled applies the Scale of the harness to a number.
func (c *check) scaled(n int) int {
	if c.h.Scale <= 0 {
		return n
	}
	return max(1, int(float64(n)*c.h.Scale))
}

// random returns the numbers of a randomized check.
func (c *check) random() *rand.Rand {
	return rand.New(rand.NewPCG(c.seed(), 0))
}

func (c *check) seed() uint64 {
	if c.h.Seed == 0 {
		return 1
	}
	return c.h.Seed
}
