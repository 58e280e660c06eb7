package sqlitestore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/powercut"
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
	return openedWith(t, path, nil)
}

func openedWith(t testing.TB, path string, opts *sqlitestore.Options) *sqlitestore.Store {
	t.Helper()
	st, err := sqlitestore.Open(t.Context(), path, opts)
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
	h := storetest.Harness{}
	if testing.Short() {
		h.Scale = 0.35 // still more rows than a block has
	}
	keepsTheRules(t, h, func(*sqlitestore.Store) {})
}

// With small leaves, thousands of fingerprints are as many leaves in as many levels as
// else hundreds of millions.
func TestStoreOfSmallLeavesKeepsTheRules(t *testing.T) {
	keepsTheRules(t, storetest.Harness{Scale: 0.1, Seed: 2, Only: regexp.MustCompile("Deduper|ingerprint")}, (*sqlitestore.Store).UseSmallLeaves)
}

// keepsTheRules runs the suite on stores that are opened and then changed.
func keepsTheRules(t *testing.T, h storetest.Harness, change func(*sqlitestore.Store)) {
	t.Helper()
	all := files{change: change, open: map[store.Store]*file{}}
	h.ClaimTimeout = time.Second // four heartbeats and more
	h.Open = func(t *testing.T) store.Store { return all.at(t, newPath(t), 0) }
	h.Reopen = func(t *testing.T, st store.Store) store.Store { return all.at(t, killed(t, all.open[st].path), 0) }
	h.PowerCut = func(t *testing.T) (store.Store, func() store.Store) {
		d := powercut.Watch(t)
		return all.at(t, d.Path("events.db"), 0), func() store.Store {
			d = d.Cut(t)
			return all.at(t, d.Path("events.db"), 0)
		}
	}
	h.Dump = func(t *testing.T, st store.Store) []byte { return dump(t, filepath.Dir(all.open[st].path)) }
	h.Damage = func(t *testing.T, st store.Store, id string) {
		execute(t, all.open[st].writer, "UPDATE batches SET accepted = accepted + 1 WHERE id = '"+id+"'")
	}
	h.OpenNarrow = func(t *testing.T) store.Store { return all.at(t, newPath(t), 1) }
	h.OpenPair = func(t *testing.T) (a, b store.Store) {
		path := newPath(t)
		return all.at(t, path, 0), all.at(t, path, 0)
	}
	h.Cut = func(t *testing.T, st store.Store) func() { return all.open[st].cut(t) }
	storetest.Run(t, h)
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "events.db") }

// files are the files of open stores.
type files struct {
	change func(*sqlitestore.Store)
	open   map[store.Store]*file
}

// file is a file with the handles of its store.
type file struct {
	path           string
	writer, reader *sql.DB
}

// at opens a store with a number of read connections; 0 means any number.
func (f *files) at(t *testing.T, path string, readers int) store.Store {
	t.Helper()
	opened := &file{path: path}
	writerDSN, readerDSN := sqlitestore.DSN(path)
	for dsn, db := range map[string]**sql.DB{writerDSN: &opened.writer, readerDSN: &opened.reader} {
		var err error
		if *db, err = sql.Open("sqlite", dsn); err != nil {
			t.Fatal(err)
		}
	}
	opened.reader.SetMaxOpenConns(readers)
	st, err := sqlitestore.New(t.Context(), opened.writer, opened.reader, &sqlitestore.Options{Heartbeat: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(st.Close(), opened.reader.Close(), opened.writer.Close()); err != nil {
			t.Error(err)
		}
	})
	f.change(st)
	f.open[st] = opened
	return st
}

// cut moves the folder of the file away, and closes the connections that have it
// open.
func (f *file) cut(t *testing.T) (restore func()) {
	t.Helper()
	dir := filepath.Dir(f.path)
	if err := os.Rename(dir, dir+" away"); err != nil {
		t.Fatal(err)
	}
	for _, db := range []*sql.DB{f.writer, f.reader} {
		db.SetConnMaxLifetime(1)
	}
	return func() {
		if err := os.Rename(dir+" away", dir); err != nil {
			t.Fatal(err)
		}
	}
}

// dump returns the bytes of all files in a directory.
func dump(t *testing.T, dir string) (all []byte) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

// killed returns a copy of what a process leaves that is killed now: the file and
// its log, without a checkpoint.
func killed(t *testing.T, path string) string {
	t.Helper()
	left := newPath(t)
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return left
}
