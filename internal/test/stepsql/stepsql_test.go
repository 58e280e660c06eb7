package stepsql_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the driver named sqlite

	"github.com/eventmetrics/eventmetrics/internal/test/stepsql"
)

func TestEveryStatementIsSeenBeforeItRuns(t *testing.T) {
	var mu sync.Mutex
	var steps []string
	db, err := stepsql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"), func(s string) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, s)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t(x)"); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	insert, err := tx.PrepareContext(t.Context(), "INSERT INTO t VALUES(?)")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := insert.ExecContext(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	var sum int
	if err := db.QueryRowContext(t.Context(), "SELECT sum(x) FROM t").Scan(&sum); err != nil || sum != 1 {
		t.Errorf("sum is %d, %v", sum, err)
	}
	want := []string{
		"CREATE TABLE t(x)", "BEGIN", "INSERT INTO t VALUES(?)", "INSERT INTO t VALUES(?)", "COMMIT", "SELECT sum(x) FROM t",
	}
	if d := cmp.Diff(want, steps); d != "" {
		t.Error(d)
	}
}
