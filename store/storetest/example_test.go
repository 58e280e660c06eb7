package storetest_test

import (
	"testing"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

// The test of a store, in a _test.go file of its package. Rules that need a field of the
// Harness which is nil are shown as skipped.
func Example() {
	TestConformance := func(t *testing.T) {
		storetest.Run(t, storetest.Harness{
			Open: func(*testing.T) store.Store { return memstore.New() }, // or yours
		})
	}
	_ = TestConformance
	// Output:
}
