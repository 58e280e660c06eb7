package memstore_test

import (
	"testing"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

func TestStoreKeepsEveryPromise(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(*testing.T) store.Store { return memstore.New() },
	})
}
