package main

import (
	"context"
	"fmt"
	"os"

	"github.com/eventmetrics/eventmetrics"
)

func dedupeTable() *table {
	t := &table{
		name: "dedupe", title: "Rows that are there already",
		about:   "The same file with `dedupe=occurrence` into SQLite: as the first file, and once more, when all its rows are duplicates.",
		columns: rateColumns,
		fixture: writeFiles,
		rows: []row{
			{name: "without dedupe", run: upload("plain.csv", &eventmetrics.Options{})},
			{name: "first file", run: dedupe(false), runs: 3},
			{name: "the same rows again", run: dedupe(true), runs: 3},
		},
	}
	return t
}

func dedupe(again bool) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		service, err := m.open(ctx, &eventmetrics.Options{})
		if err != nil {
			return err
		}
		send := func() error {
			f, err := os.Open(m.fixture("plain.csv"))
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // only read
			r, err := service.Upload(ctx, eventmetrics.File{Body: f, AllowDuplicate: true, Dedupe: eventmetrics.DedupeOccurrence})
			if err == nil && r.Batch.AcceptedRows+r.Batch.DuplicateRows != m.rows {
				err = fmt.Errorf("%d rows, %d duplicates", r.Batch.AcceptedRows, r.Batch.DuplicateRows)
			}
			return err
		}
		if again {
			if err := send(); err != nil {
				return err
			}
		}
		return m.time(float64(m.rows), send)
	}
}
