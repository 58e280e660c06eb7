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
