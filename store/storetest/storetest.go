// Package storetest has the conformance suite for authors of stores.
//
// A store's test calls [Run] with a [Harness] that opens it. Each subtest
// checks one rule of package store and says in its failure which rule that
// is. The rules of optional capabilities are checked when [store.As] finds
// them, and skipped otherwise.
//
//	func TestStoreKeepsEveryPromise(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			Open: func(t *testing.T) store.Store { return open(t, t.TempDir()) },
//		})
//	}
//
// A store in memory that passes is in examples/memstore.
package storetest

import (
	"math/rand/v2"
	"testing"

	"github.com/eventmetrics/eventmetrics/store"
)

// Harness says how to test a store. Only Open is required.
type Harness struct {
	// Open returns a new, empty store, which t.Cleanup closes. It is called
	// once or more a subtest.
	Open func(t *testing.T) store.Store

	// Reopen pretends that the process was lost: it drops the handle st
	// without a clean close where that is possible, opens the same data again
	// and returns the new handle, which t.Cleanup closes. Nil, as for a store
	// in memory, skips the rules about it.
	Reopen func(t *testing.T, st store.Store) store.Store

	// Scale multiplies the number of rows, batches and steps of the big
	// checks; 0 means 1, which is 50,000 rows in a batch. A slow database may
	// want 0.1; that the rows exceed the store's blocks and caches is the
	// author's care.
	Scale float64

	// Seed starts the randomized checks; 0 means 1. A failure of one of them
	// fingerprints the seed in use.
	Seed uint64
}

// Run checks that the store keeps every rule of package store, one subtest a
// rule.
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
	// why says where the promise stands and what it is good for. It goes into
	// each failure.
	why   string
	check func(c *check)
}

func rules() []rule {
	var all []rule
	for _, some := range [][]rule{
		visibilityRules(), eventRules(), attachmentRules(), commitRules(), keyRules(),
		statusRules(), recordRules(), pendingRules(), dailyRules(), lawRules(), deleteRules(),
		pruneRules(), batchesRules(), iteratorRules(), contextRules(), reopenRules(),
		amenderRules(), deduperRules(), explainerRules(), sealerRules(), sealReaderRules(), pingRules(), asOfRules(), rebuilderRules(), forgetterRules(), reattacherRules(), eraserRules(),
	} {
		all = append(all, some...)
	}
	return all
}

// need returns the optional capability T or skips the rule.
func need[T any](c *check) T {
	c.Helper()
	capability, ok := store.As[T](c.st)
	if !ok {
		c.Skipf("%T is no %T", c.st, (*T)(nil))
	}
	return capability
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
