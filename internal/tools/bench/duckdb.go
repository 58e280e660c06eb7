//go:build cgo

package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver named duckdb
)

// readCSV is the file as DuckDB reads it, with its columns given.
func (m *meter) readCSV() string {
	return fmt.Sprintf("read_csv('%s', header = true, columns = {'candidate_id': 'VARCHAR', 'test_id': 'VARCHAR', 'event_type': 'VARCHAR', 'timestamp': 'TIMESTAMPTZ'})",
		strings.ReplaceAll(m.fixture("plain.csv"), "'", "''"))
}

func duckCreate(ctx context.Context, m *meter) error {
	db, err := sql.Open("duckdb", m.path("events.duckdb"))
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // at the end
	err = m.time(float64(m.rows), func() error {
		_, err := db.ExecContext(ctx, "CREATE TABLE events AS SELECT * FROM "+m.readCSV()+"; CHECKPOINT")
		return err
	})
	if err != nil {
		return err
	}
	return m.size("stored", "events.duckdb")
}

func duckCount(ctx context.Context, m *meter) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // at the end
	return m.time(float64(m.rows), func() error {
		rows, err := db.QueryContext(ctx, "SELECT timestamp::DATE, event_type, count(*) FROM "+m.readCSV()+" GROUP BY ALL")
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err tells
		for rows.Next() {
		}
		return rows.Err()
	})
}
