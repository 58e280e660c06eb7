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
	keepsTheRules(t, storetest.Harness{}, func(*sqlitestore.Store) {})
}

// Thousands of fingerprints are as many leaves in as many levels then as else
// hundreds of millions.
func TestStoreOfSmallLeavesKeepsTheRules(t *testing.T) {
	keepsTheRules(t, storetest.Harness{Scale: 0.1, Seed: 2}, (*sqlitestore.Store).UseSmallLeaves)
}

// keepsTheRules runs the suite on stores that are opened and then changed.
func keepsTheRules(t *testing.T, h storetest.Harness, change func(*sqlitestore.Store)) {
	t.Helper()
	paths := map[store.Store]string{}
	at := func(t *testing.T, path string) store.Store {
		st := opened(t, path)
		change(st)
		paths[st] = path
		return st
	}
	h.Open = func(t *testing.T) store.Store { return at(t, filepath.Join(t.TempDir(), "events.db")) }
	h.Reopen = func(t *testing.T, st store.Store) store.Store { return at(t, paths[st]) }
	storetest.Run(t, h)
}
