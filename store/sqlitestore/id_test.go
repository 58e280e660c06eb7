package sqlitestore_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

func TestAFileHasOneID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	first := idOf(t, opened(t, path))
	if again := idOf(t, opened(t, path)); first == "" || again != first {
		t.Errorf("the ids of one file are %q and %q", first, again)
	}
	if other := idOf(t, opened(t, filepath.Join(t.TempDir(), "events.db"))); other == first {
		t.Errorf("two files have the id %q", first)
	}
	for version := sqlitestore.OldestVersion; version <= sqlitestore.PresentVersion; version++ {
		path, _ := unpacked(t, version)
		first := idOf(t, opened(t, path))
		if again := idOf(t, opened(t, path)); first == "" || again != first {
			t.Errorf("version %d: the ids of one file are %q and %q", version, first, again)
		}
	}
}

func idOf(t *testing.T, st *sqlitestore.Store) string {
	t.Helper()
	id, err := st.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestADamagedIDIsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st := opened(t, path)
	execute(t, direct(t, path), "UPDATE deployment SET id = 'A' || substr(id, 2) || 'A'")
	if id, err := st.ID(t.Context()); !errors.Is(err, metrics.ErrCorrupt) {
		t.Errorf("the id is %q, %v; want ErrCorrupt", id, err)
	}
	found := 0
	for place := ""; ; {
		in, err := st.Inspect(t.Context(), place)
		if err != nil {
			t.Fatal(err)
		}
		found += len(in.Damages)
		if place = in.Next; place == "" {
			break
		}
	}
	if found != 1 {
		t.Errorf("an inspection finds %d damages, want that of the id", found)
	}
}
