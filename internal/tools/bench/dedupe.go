package main

import (
	"context"
	"path/filepath"

	"github.com/eventmetrics/eventmetrics"
)

// dedupeFile is the file, which has fewer rows than the limit of those that repeat.
const (
	dedupeFile = "dedupe.csv"
	dedupeRows = 2_000_000
)

func dedupeTable() *table {
	return &table{
		name: "dedupe", title: "Rows that are there already",
		about:   "A file of " + number(dedupeRows) + " such rows into SQLite, with `dedupe=occurrence`: as the first file, and once more, when all its rows are duplicates.",
		columns: rateColumns,
		fixture: func(_ context.Context, _ *config, dir string) error {
			return writePlain(filepath.Join(dir, dedupeFile), dedupeRows)
		},
		rows: []row{
			{name: "without dedupe", run: dedupe("", false)},
			{name: "first file", run: dedupe(eventmetrics.DedupeOccurrence, false)},
			{name: "the same rows again", run: dedupe(eventmetrics.DedupeOccurrence, true)},
		},
	}
}

func dedupe(how eventmetrics.Dedupe, again bool) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		m.rows = dedupeRows
		service, err := m.open(ctx, &eventmetrics.Options{})
		if err != nil {
			return err
		}
		send := func() error {
			_, err := m.send(ctx, service, dedupeFile, dedupeRows, how)
			return err
		}
		if again {
			if err := send(); err != nil {
				return err
			}
		}
		return m.time(dedupeRows, send)
	}
}
