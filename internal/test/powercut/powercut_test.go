package powercut_test

import (
	"database/sql"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/eventmetrics/eventmetrics/internal/test/powercut"
)

// What is committed survives a cut of the power if it is synced, and does not if
// it is not.
func TestOnlyWhatIsSyncedSurvives(t *testing.T) {
	for name, c := range map[string]struct {
		synchronous string
		want        int
	}{
		"synced at each commit": {"FULL", 3},
		"synced at checkpoints": {"NORMAL", 0},
		"not synced":            {"OFF", 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := powercut.Watch(t)
			db := open(t, d)
			run(t, db, "CREATE TABLE t (n INTEGER)", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA synchronous="+c.synchronous)
			for range 3 {
				run(t, db, "INSERT INTO t VALUES (1)")
			}
			var got int
			after := open(t, d.Cut(t))
			if err := after.QueryRow("SELECT count(*) FROM t").Scan(&got); err != nil || got != c.want {
				t.Errorf("%d rows survive, %v; want %d", got, err, c.want)
			}
			run(t, db, "PRAGMA synchronous=NORMAL", "PRAGMA wal_checkpoint(TRUNCATE)")
			after = open(t, d.Cut(t))
			if err := after.QueryRow("SELECT count(*) FROM t").Scan(&got); err != nil || got != 3 {
				t.Errorf("after a checkpoint %d rows survive, %v; want 3", got, err)
			}
		})
	}
}

func open(t *testing.T, d *powercut.Dir) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+d.Path("test.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
