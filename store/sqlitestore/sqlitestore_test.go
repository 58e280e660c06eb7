package sqlitestore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

// TestMain is the victim of TestAKilledProcessKeepsItsPromises when it is told
// so.
func TestMain(m *testing.M) {
	if path := os.Getenv("EVENTMETRICS_VICTIM"); path != "" {
		fmt.Fprintln(os.Stderr, victim(context.Background(), path))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// opened opens a store that the end of the test closes.
func opened(t testing.TB, path string) *sqlitestore.Store {
	t.Helper()
	st, err := sqlitestore.Open(t.Context(), path, nil)
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
	paths := map[store.Store]string{}
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Store {
			path := filepath.Join(t.TempDir(), "events.db")
			st := opened(t, path)
			paths[st] = path
			return st
		},
		Reopen: func(t *testing.T, st store.Store) store.Store {
			again := opened(t, paths[st])
			paths[again] = paths[st]
			return again
		},
	})
}
