package sqlitestore_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// Testdata has a file of each version, with what its own release answered. The
// files of earlier versions are never written again.
var update = flag.Bool("update", false, "write the file of the present version")

// unpacked returns the path of a copy of the file of a version, and what its
// release answered.
func unpacked(t testing.TB, version int) (path string, want content) {
	t.Helper()
	name := fmt.Sprintf("testdata/version%d", version)
	packed, err := os.Open(name + ".db.gz")
	if err != nil {
		t.Fatalf("%v: a new version needs a file, written by go test -run %s -update", err, "TestFilesOfEachVersionAreRead")
	}
	defer packed.Close()
	file, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "events.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	answers, err := os.ReadFile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answers, &want); err != nil {
		t.Fatal(err)
	}
	return path, want
}

// writePresent writes the file of the present version.
func writePresent(t testing.TB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.db")
	st := opened(t, path)
	asOf := fillWithHistory(t, st)
	answers, err := json.MarshalIndent(contentOf(t, st, asOf), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("testdata/version%d", sqlitestore.PresentVersion)
	for suffix, text := range map[string][]byte{".db.gz": packed.Bytes(), ".json": append(answers, '\n')} {
		if err := os.WriteFile(name+suffix, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesOfEachVersionAreRead(t *testing.T) {
	if *update {
		writePresent(t)
	}
	for version := sqlitestore.OldestVersion; version <= sqlitestore.PresentVersion; version++ {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			path, want := unpacked(t, version)
			st := opened(t, path)
			if d := cmp.Diff(want, contentOf(t, st, want.AsOf)); d != "" {
				t.Fatalf("answers (-of its release +now): %s", d)
			}
			checkFile(t, path)
			l := ledger.New(st, &ledger.Options{Sums: metrics.AggregatorOptions{Subject: "candidate_id", Dimensions: []string{"country"}}})
			report, err := l.Reprocess(t.Context())
			if err != nil || report.Batches == 0 || report.Drifted+report.Unreadable > 0 || len(report.WrongDays) > 0 {
				t.Errorf("reprocess: %+v, %v", report, err)
			}
			fillWithHistory(t, st)
			if err := st.Rebuild(t.Context()); err != nil {
				t.Error(err)
			}
			checkFile(t, path)
		})
	}
}

// checkFile compares the tables with those of a new file.
func checkFile(t testing.TB, path string) {
	t.Helper()
	fresh := filepath.Join(t.TempDir(), "fresh.db")
	opened(t, fresh)
	db := direct(t, path)
	if d := cmp.Diff(tables(t, direct(t, fresh)), tables(t, db)); d != "" {
		t.Errorf("tables (-of a new file +of this one): %s", d)
	}
	if got := query[string](t, db, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity check: %s", got)
	}
}

// tables describes all tables and indexes. The columns may be in another order,
// since a step can add them only at the end.
func tables(t testing.TB, db *sql.DB) map[string]bool {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `
		SELECT format('version %s', user_version) FROM pragma_user_version
		UNION ALL SELECT format('table %s rowid %d', name, NOT wr) FROM pragma_table_list WHERE schema = 'main'
		UNION ALL SELECT format('column %s.%s %s %d %s key %d', l.name, c.name, c.type, c."notnull", c.dflt_value, c.pk)
			FROM pragma_table_list l JOIN pragma_table_info(l.name) c WHERE l.schema = 'main'
		UNION ALL SELECT format('index %s of %s unique %d partial %d column %d %s', i.name, l.name, i."unique", i.partial, c.seqno, c.name)
			FROM pragma_table_list l JOIN pragma_index_list(l.name) i JOIN pragma_index_info(i.name) c WHERE l.schema = 'main'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]bool{}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		found[line] = true
	}
	if err := rows.Err(); err != nil || len(found) < 50 {
		t.Fatalf("%d lines: %v", len(found), err)
	}
	return found
}

// A process that is killed leaves the file and its log as they are then.
func TestAMigrationThatWasKilledContinues(t *testing.T) {
	for version := sqlitestore.OldestVersion; version < sqlitestore.PresentVersion; version++ {
		for killed := version; killed < sqlitestore.PresentVersion; killed++ {
			t.Run(fmt.Sprintf("from %d, killed after %d", version, killed), func(t *testing.T) {
				path, want := unpacked(t, version)
				left := filepath.Join(t.TempDir(), "events.db")
				kill(t, path, killed-version, left)
				if got := query[int](t, direct(t, left), "PRAGMA user_version"); got != killed {
					t.Fatalf("the killed process has left version %d, want %d", got, killed)
				}
				st := opened(t, left)
				if d := cmp.Diff(want, contentOf(t, st, want.AsOf)); d != "" {
					t.Errorf("answers (-of its release +now): %s", d)
				}
				checkFile(t, left)
			})
		}
	}
}

// kill runs some steps of the migration of a file, and one more without its
// commit, and copies what is in the directory then.
func kill(t testing.TB, path string, whole int, left string) {
	t.Helper()
	db := direct(t, path)
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// With a small cache, changes are in the log before they are committed.
	if _, err := conn.ExecContext(t.Context(), "PRAGMA journal_mode=WAL; PRAGMA cache_size=1; PRAGMA cache_spill=1"); err != nil {
		t.Fatal(err)
	}
	for range whole {
		if err := sqlitestore.RunStep(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	ctx, rollback := context.WithCancel(t.Context())
	defer rollback()
	if err := sqlitestore.BeginStep(ctx, conn); err != nil {
		t.Fatal(err)
	}
	// What a small step has changed is still in the cache: it goes to the log too.
	if _, err := conn.ExecContext(ctx, "CREATE TABLE filler(x); INSERT INTO filler VALUES(zeroblob(1000000))"); err != nil {
		t.Fatal(err)
	}
	logged := 0
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		logged = len(text)
		if err := os.WriteFile(left+suffix, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if logged < 32<<10 {
		t.Fatalf("the log has %d bytes: nothing was written before the commit", logged)
	}
}

func TestRefusedFilesAreNotChanged(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		want      []string
	}{
		"a newer version": {
			fmt.Sprintf("PRAGMA user_version=%d", sqlitestore.PresentVersion+1),
			[]string{
				fmt.Sprintf("has version %d", sqlitestore.PresentVersion+1),
				fmt.Sprintf("reads versions %d to %d", sqlitestore.OldestVersion, sqlitestore.PresentVersion), "run the newer release",
			},
		},
		"a version before the first release": {"PRAGMA user_version=2", []string{"has version 2", "reads versions 3 to"}},
		"an application id":                  {"PRAGMA application_id=7", []string{"another program", "0x7"}},
		"no marks":                           {"PRAGMA user_version=0; PRAGMA application_id=0", []string{"another program"}},
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := unpacked(t, sqlitestore.PresentVersion)
			execute(t, direct(t, path), "PRAGMA journal_mode=DELETE;"+c.statement)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, openErr := sqlitestore.Open(t.Context(), path, nil)
			for what, err := range map[string]error{"Open": openErr, "Check": sqlitestore.Check(t.Context(), path)} {
				if !errors.Is(err, sqlitestore.ErrVersion) {
					t.Fatalf("%s: got %v, want %v", what, err, sqlitestore.ErrVersion)
				}
				for _, words := range c.want {
					if !strings.Contains(err.Error(), words) {
						t.Errorf("%s: %v: want the words %q", what, err, words)
					}
				}
			}
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, after) {
				t.Error("the file has changed")
			}
		})
	}
}
