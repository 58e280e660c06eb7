package memstore_test

import (
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

func TestStoreKeepsEveryPromise(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open:         func(*testing.T) store.Store { return memstore.New() },
		ClaimTimeout: 10 * time.Millisecond, // nothing happens then
	})
}
