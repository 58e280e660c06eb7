package sqlitestore_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// direct opens a handle of its own on the file.
func direct(t testing.TB, path string) *sql.DB {
	t.Helper()
	writer, _ := sqlitestore.DSN(path)
	db, err := sql.Open("sqlite", writer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func query[T any](t testing.TB, db *sql.DB, statement string) T {
	t.Helper()
	var v T
	if err := db.QueryRowContext(t.Context(), statement).Scan(&v); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return v
}

func execute(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestOpenMakesAFileWithTheRightMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a file?with#odd %name.db")
	opened(t, path)
	opened(t, path) // again, with the tables there
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	db := direct(t, path)
	got := map[string]string{}
	for _, pragma := range []string{"journal_mode", "page_size", "user_version", "application_id", "integrity_check"} {
		got[pragma] = query[string](t, db, "PRAGMA "+pragma)
	}
	want := map[string]string{"journal_mode": "wal", "page_size": "8192", "user_version": strconv.Itoa(sqlitestore.PresentVersion), "application_id": "1702260084", "integrity_check": "ok"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOpenRefusesOtherFiles(t *testing.T) {
	for name, statement := range map[string]string{
		"a newer version":          "PRAGMA user_version=5",
		"another application's id": "PRAGMA application_id=7",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.db")
			execute(t, direct(t, path), statement)
			if _, err := sqlitestore.Open(t.Context(), path, nil); err == nil {
				t.Error("want an error")
			}
		})
	}
}

func TestNewBorrowsItsHandles(t *testing.T) {
	writerDSN, readerDSN := sqlitestore.DSN(filepath.Join(t.TempDir(), "events.db"))
	writer, err := sql.Open("sqlite", writerDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader, err := sql.Open("sqlite", readerDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	st, err := sqlitestore.New(t.Context(), writer, reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	upload(t, st, "a")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if n := query[int](t, writer, "SELECT count(*) FROM batches"); n != 1 {
		t.Errorf("the writer counts %d batches after Close, want 1", n)
	}
	if n := query[int](t, reader, "SELECT count(*) FROM batches"); n != 1 {
		t.Errorf("the reader counts %d batches after Close, want 1", n)
	}
}

func TestPromisesAreSyncedAndSpoolingIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	writerDSN, readerDSN := sqlitestore.DSN(path)
	writer, _ := sql.Open("sqlite", writerDSN)
	defer writer.Close()
	reader, _ := sql.Open("sqlite", readerDSN)
	defer reader.Close()
	st, err := sqlitestore.New(t.Context(), writer, reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	synchronous := func() int { return query[int](t, writer, "PRAGMA synchronous") }
	const normal, full = 1, 2
	w, err := st.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if got := synchronous(); got != normal {
		t.Errorf("synchronous is %d in Begin, want %d", got, normal)
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"Commit":      func() error { return nil },
		"SetStatus":   func() error { return st.SetStatus(t.Context(), "a", store.Statuses(), store.Completed, "") },
		"Record":      func() error { return st.Record(t.Context(), "a", nil) },
		"Amend":       func() error { _ = st.Record(t.Context(), "a", nil); return st.Amend(t.Context(), "a", nil) },
		"DeleteBatch": func() error { return st.DeleteBatch(t.Context(), "gone") },
	} {
		if name != "Commit" {
			execute(t, writer, "PRAGMA synchronous=OFF")
		}
		if err := f(); err != nil && name != "DeleteBatch" {
			t.Fatalf("%s: %v", name, err)
		}
		if got := synchronous(); got != full && name != "Commit" {
			t.Errorf("synchronous is %d in %s, want %d", got, name, full)
		}
	}
}

func TestSpaceOfDeletedBatchesIsUsedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st, events := opened(t, path), someEvents(100_000)
	db := direct(t, path)
	var first int64
	for i := range 6 {
		id := strconv.Itoa(i)
		fill(t, st, id, events, 2)
		pages := query[int64](t, db, "PRAGMA page_count")
		if i == 0 {
			first = pages
		}
		if pages > first*11/10 {
			t.Fatalf("the file has %d pages after batch %d, and had %d with the first", pages, i, first)
		}
		if err := st.DeleteBatch(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"blocks", "unfinished", "attachments"} {
			if n := query[int](t, db, "SELECT count(*) FROM "+table); n != 0 {
				t.Fatalf("%s has %d rows after DeleteBatch", table, n)
			}
		}
	}
}

func TestTheWALStaysSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 4 million rows")
	}
	path := filepath.Join(t.TempDir(), "events.db")
	st, events := opened(t, path), someEvents(500_000)
	w, err := st.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort(t.Context())
	for range 8 {
		if err := w.Write(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 12<<20 {
		t.Errorf("the WAL has grown to %d bytes", info.Size())
	}
}

func TestDamagedBlocksAreErrors(t *testing.T) {
	for name, statement := range map[string]string{
		"missing": "DELETE FROM blocks WHERE id & 0xffffff = 1",
		"cut":     "UPDATE blocks SET data = substr(data, 1, length(data)/2)",
		"changed": "UPDATE blocks SET data = CAST(zeroblob(length(data)) AS BLOB)",
		"swapped": "UPDATE blocks SET data = (SELECT data FROM blocks b WHERE b.id & 0xffffff = 1) WHERE id & 0xffffff = 0",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.db")
			st := opened(t, path)
			fill(t, st, "a", someEvents(20_000), 1) // two blocks
			execute(t, direct(t, path), statement)
			var last error
			for _, err := range st.Events(t.Context(), "a") {
				last = err
			}
			if last == nil {
				t.Error("want an error")
			}
		})
	}
}

func dailies(t testing.TB, st store.Store, q metrics.Filter) metrics.Contribution {
	t.Helper()
	var all metrics.Contribution
	for d, err := range st.DayCounts(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func TestSubjectsOutOfDateAreMergedFromTheLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st, db := opened(t, path), direct(t, path)
	rng := testRand()
	var want metrics.Contribution
	for i := range 5 {
		id, c := strconv.Itoa(i), aContribution(rng, 20_000+i%2, 3, 4, 900)
		upload(t, st, id)
		if err := st.Record(t.Context(), id, c); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			want = metrics.Merge(want, c)
		}
	}
	if err := st.DeleteBatch(t.Context(), "0"); err != nil {
		t.Fatal(err)
	}
	stale := func() int { return query[int](t, db, "SELECT count(*) FROM details WHERE subjects IS NULL") }
	if n := stale(); n != 0 {
		t.Errorf("%d days are out of date after DeleteBatch", n)
	}
	everything := metrics.Filter{Slots: true, Subjects: true}
	if d := cmp.Diff(want, dailies(t, st, everything)); d != "" {
		t.Fatalf("after DeleteBatch: %s", d)
	}
	execute(t, db, "UPDATE details SET subjects = NULL")
	if d := cmp.Diff(want, dailies(t, st, everything)); d != "" {
		t.Fatalf("out of date: %s", d)
	}
	if got := dailies(t, st, metrics.Filter{Subjects: true, Types: []string{"event_type_2"}}); len(got) != 4 {
		t.Errorf("one type, out of date: got %d dailies, want 4", len(got))
	}
	if got := dailies(t, st, metrics.Filter{Subjects: true, Types: []string{"never"}}); len(got) != 0 {
		t.Errorf("a type that no day has, out of date: got %d dailies, want none", len(got))
	}
	if _, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Unix(0, 0)}); err != nil {
		t.Fatal(err)
	}
	if n := stale(); n != 0 {
		t.Errorf("%d days are out of date after Prune", n)
	}
	if d := cmp.Diff(want, dailies(t, st, everything)); d != "" {
		t.Fatalf("after Prune: %s", d)
	}
}
