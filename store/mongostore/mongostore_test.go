package mongostore_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testenv.Main{M: m}) }

// opened opens a store that the end of the test closes.
func opened(t testing.TB, uri string) *mongostore.Store {
	t.Helper()
	st, err := mongostore.Open(t.Context(), uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func TestStoreKeepsTheRules(t *testing.T) {
	uris := map[store.Store]string{}
	storetest.Run(t, storetest.Harness{
		Scale: 0.05, // the test server sorts in memory
		Open: func(t *testing.T) store.Store {
			uri := testenv.Mongo(t)
			st := opened(t, uri)
			uris[st] = uri
			return st
		},
		Reopen: func(t *testing.T, st store.Store) store.Store {
			again := opened(t, uris[st])
			uris[again] = uris[st]
			return again
		},
	})
}
