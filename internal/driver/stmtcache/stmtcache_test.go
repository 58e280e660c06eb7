package stmtcache_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/internal/driver/stmtcache"
)

// open returns a database with one connection, and the plain driver's of another file.
func open(t *testing.T) (cached, plain *sql.DB) {
	t.Helper()
	cached, err := stmtcache.Open("file:" + filepath.Join(t.TempDir(), "x.db") + "?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	plain, err = sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "x.db")+"?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	for _, db := range []*sql.DB{cached, plain} {
		db.SetMaxOpenConns(1)
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return cached, plain
}

// Statements that are kept give the answers of those that are prepared each time, also
// after errors, and after the tables have changed.
func TestKeptStatementsAnswerAsNewOnes(t *testing.T) {
	cached, plain := open(t)
	statements := []string{
		"INSERT INTO x(a) VALUES(1)", "INSERT INTO x(a, b) VALUES(2, 'b')", "-- a comment\nINSERT INTO x(a) SELECT a + 1 FROM x LIMIT 3",
		"SELECT * FROM x ORDER BY a", "SELECT count(*) FROM x", "SELECT a FROM x WHERE a > (SELECT avg(a) FROM x)",
		"UPDATE x SET a = a + 1", "DELETE FROM x WHERE a > 4", "PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF", "SELECT * FROM pragma_synchronous",
		"CREATE TABLE x(a INTEGER)", "CREATE TABLE x(a INTEGER UNIQUE, b TEXT)", "DROP TABLE x", "ALTER TABLE x ADD COLUMN c TEXT DEFAULT 'c'",
		"BEGIN", "SAVEPOINT s", "RELEASE s", "ROLLBACK TO s", "ROLLBACK", "COMMIT", "WITH y AS (SELECT 1 AS a) SELECT a FROM y",
	}
	rapid.Check(t, func(rt *rapid.T) {
		for _, statement := range rapid.SliceOfN(rapid.SampledFrom(statements), 1, 60).Draw(rt, "statements") {
			if got, want := answer(t, cached, statement), answer(t, plain, statement); got != want {
				rt.Fatalf("%s: got %s, want %s", statement, got, want)
			}
		}
	})
}

// answer returns the rows of a query, or its error.
func answer(t *testing.T, db *sql.DB, statement string) string {
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	columns, err := rows.Columns()
	text := fmt.Append(nil, columns, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.NullString)
		}
		text = fmt.Append(text, rows.Scan(values...))
		for _, v := range values {
			text = fmt.Append(text, v.(*sql.NullString).String, ",")
		}
	}
	return fmt.Sprintln(string(text), rows.Err())
}

// A statement may run again before the rows of its first run have been read.
func TestAStatementRunsInsideItself(t *testing.T) {
	db, _ := open(t)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	count := 0
	var nest func(depth int)
	nest = func(depth int) {
		rows, err := tx.QueryContext(t.Context(), "SELECT value FROM json_each('[1, 2, 3]')")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if count++; depth > 0 {
				nest(depth - 1)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	nest(2)
	if count != 3+9+27 {
		t.Errorf("read %d rows", count)
	}
}

// However many texts there are, memory has a limit, and idle statements are not in the
// way of a checkpoint or of the end of a connection.
func TestIdleStatementsHoldNothing(t *testing.T) {
	db, _ := open(t)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE x(a)"); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO x VALUES(%d)", i)); err != nil {
			t.Fatal(err)
		}
		var a int // of the first of many rows
		if err := db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d FROM x", i)).Scan(&a); err != nil || a != i {
			t.Fatal(a, err)
		}
	}
	var busy, frames, copied int
	if err := db.QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &copied); err != nil || busy != 0 {
		t.Errorf("checkpoint: busy %d, %v", busy, err)
	}
}
