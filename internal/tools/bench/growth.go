package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// fileRows is the size of the largest file that growthRows sends.
const fileRows = 10_000_000

// growthTables show what becomes slower as the data grows.
func growthTables(c *config) []*table {
	rows := &table{
		name: "rows", title: "Rows",
		about: fmt.Sprintf("Files of up to %s rows, each of its own month, are uploaded to SQLite one after the other and processed. Then "+
			"the year of the last file is queried, all is audited and reprocessed, the database is opened again, and all events are purged.",
			number(fileRows)),
		columns: []column{
			{title: "upload and process, rows/s", value: "rate"},
			{title: "CPU, us a row", value: "cpu"},
			{title: "peak memory, MiB", value: "peak"},
			{title: "bytes stored a row", value: "stored"},
			{title: "a year's counts p50, ms", value: "p50"},
			{title: "p99, ms", value: "p99"},
			{title: "its distinct candidates p99, ms", value: "uniques"},
			{title: "audit, s", value: "audit"},
			{title: "reprocess, s", value: "reprocess"},
			{title: "open and answer, ms", value: "open"},
			{title: "purge, s", value: "purge"},
			{title: "bytes left a row", value: "left"},
		},
		fixture: writeTemplate,
	}
	sizes := []int64{1_000_000, 10_000_000, 100_000_000}
	if c.billion {
		sizes = append(sizes, 1_000_000_000)
	}
	for _, n := range sizes {
		rows.rows = append(rows.rows, row{name: number(float64(n)), runs: 1, run: growTo(n)})
	}
	return []*table{rows, growthOfBatches(), growthOfKnownRows()}
}

// growthOfBatches asks the queries with more and more batches.
func growthOfBatches() *table {
	sizes := []int{1_000, 10_000, 100_000}
	t := &table{
		name: "batches", title: "Batches", about: "The queries of a year on SQLite, with more and more batches of 20 events.",
		columns: queryColumns,
		fixture: func(ctx context.Context, _ *config, dir string) error {
			for _, n := range sizes {
				if err := writeLedger(ctx, dir+"/"+ledgerName(n), n, false); err != nil {
					return err
				}
			}
			return nil
		},
	}
	for _, q := range queries {
		for _, n := range sizes {
			t.rows = append(t.rows, row{name: number(float64(n)) + ": " + q.name, runs: 1, run: ask(ledgerName(n), q.query)})
		}
	}
	return t
}

// growthOfKnownRows uploads a file whose rows are new, and again, when many rows
// are known.
func growthOfKnownRows() *table {
	t := &table{
		name: "known", title: "Known rows",
		about:   "A file of a million rows with `dedupe=occurrence` into SQLite, which knows the rows of larger files: as a new file, and once more.",
		columns: []column{{title: "new, rows/s", value: "new"}, {title: "again, rows/s", value: "again"}, {title: "again, CPU us a row", value: "cpu"}, {title: "peak memory, MiB", value: "peak"}},
		fixture: writeTemplate,
	}
	for _, n := range []int64{0, 10_000_000, 100_000_000} {
		t.rows = append(t.rows, row{name: number(float64(n)) + " rows known", runs: 1, run: claimAfter(n)})
	}
	return t
}

func claimAfter(n int64) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		service, err := m.open(ctx, &eventmetrics.Options{})
		if err != nil {
			return err
		}
		const rows = 1_000_000
		for k := range n / fileRows {
			if _, err := m.sendMonth(ctx, service, k, fileRows, eventmetrics.DedupeOccurrence); err != nil {
				return err
			}
		}
		for _, name := range []string{"new", "again"} {
			err := m.time(rows, func() error {
				_, err := m.sendMonth(ctx, service, n/fileRows, rows, eventmetrics.DedupeOccurrence)
				return err
			})
			if err != nil {
				return err
			}
			m.result[name] = m.result["rate"]
		}
		return nil
	}
}

// template is a file of fileRows of one month.
const template = "template.csv"

func writeTemplate(_ context.Context, _ *config, dir string) error {
	path := filepath.Join(dir, template)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return writePlain(path, fileRows)
}

// sendMonth uploads the first rows of the template as the file of the k-th month.
func (m *meter) sendMonth(ctx context.Context, service *eventmetrics.Service, k, rows int64, how eventmetrics.Dedupe) (id string, err error) {
	f, err := os.Open(m.fixture(template))
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	return sendRows(ctx, service, &monthReader{lines: bufio.NewReaderSize(f, 1<<20), month: monthName(k), rows: rows}, rows, how)
}

// monthName returns the k-th month of 31 days before 2025.
func monthName(k int64) string {
	return fmt.Sprintf("%04d-%02d-", 2024-k/7, []int{1, 3, 5, 7, 8, 10, 12}[k%7])
}

// monthReader reads lines whose last value is a time, and puts it into a month. It
// ends after a header and so many rows.
type monthReader struct {
	lines *bufio.Reader
	month string
	rows  int64
	ready []byte
	begun bool
}

func (r *monthReader) Read(b []byte) (n int, err error) {
	for n < len(b) {
		if len(r.ready) == 0 {
			if r.ready, err = r.line(); err != nil {
				return n, err
			}
		}
		k := copy(b[n:], r.ready)
		n, r.ready = n+k, r.ready[k:]
	}
	return n, nil
}

func (r *monthReader) line() ([]byte, error) {
	if r.begun && r.rows == 0 {
		return nil, io.EOF
	}
	line, err := r.lines.ReadSlice('\n')
	if r.begun && err == nil {
		copy(line[len(line)-len("2025-11-01T00:00:00Z\n"):], r.month)
		r.rows--
	}
	r.begun = true
	return line, err
}

func growTo(n int64) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		m.rows = n
		st, err := sqlitestore.Open(ctx, m.path("events.db"), nil)
		if err != nil {
			return err
		}
		g := &growth{meter: m, st: st}
		for _, step := range []func(context.Context) error{g.fill, g.ask, g.audit, g.reprocess, g.reopen, g.purge} {
			if err := step(ctx); err != nil {
				return errors.Join(err, g.st.Close())
			}
			fmt.Fprintln(os.Stderr, n, m.result)
		}
		return errors.Join(g.st.Close(), m.size("left", "events.db"))
	}
}

// growth is a database that grows.
type growth struct {
	*meter
	st    *sqlitestore.Store
	files int64 // that were sent
}

func (g *growth) service(o *eventmetrics.Options) *eventmetrics.Service {
	o.MaxUploadBytes = 1 << 40
	return eventmetrics.New(g.st, memqueue.New(nil), o)
}

func (g *growth) fill(ctx context.Context) error {
	service := g.service(&eventmetrics.Options{AuditEvery: -1})
	defer running(ctx, service)()
	return g.time(float64(g.rows), func() error {
		for left := g.rows; left > 0; left -= fileRows {
			id, err := g.sendMonth(ctx, service, g.files, min(left, fileRows), eventmetrics.DedupeNone)
			if err == nil {
				err = finish(ctx, service, id)
			}
			if err != nil {
				return err
			}
			g.files++
		}
		return nil
	})
}

func (g *growth) ask(context.Context) error {
	api, err := httpapi.New(g.service(&eventmetrics.Options{}), &httpapi.Options{Token: "t"})
	if err != nil {
		return err
	}
	rate, cpu, peak := g.result["rate"], g.result["cpu"], g.result["peak"]
	year := monthName(g.files - 1)[:4]
	path := "/metrics?from=" + year + "-01-01&to=" + year + "-12-31"
	if err := g.clients(api, path+"&uniques=true", 1); err != nil {
		return err
	}
	g.result["uniques"] = g.result["p99"]
	err = g.clients(api, path, 1)
	g.result["rate"], g.result["cpu"], g.result["peak"] = rate, cpu, peak
	return err
}

// seconds measures f.
func (m *meter) seconds(name string, f func() error) error {
	start := time.Now()
	err := f()
	m.result[name] = time.Since(start).Seconds()
	return err
}

func (g *growth) audit(ctx context.Context) error {
	service := g.service(&eventmetrics.Options{})
	return g.seconds("audit", func() error {
		for {
			found, err := service.Audit(ctx)
			if err != nil || !found.OK {
				return errors.Join(err, fmt.Errorf("the audit found %+v", found))
			}
			if found.Batches.Complete > 0 && found.Days.Complete > 0 && found.Parts.Complete > 0 {
				return nil
			}
		}
	})
}

func (g *growth) reprocess(ctx context.Context) error {
	return g.seconds("reprocess", func() error {
		report, err := g.service(&eventmetrics.Options{}).Reprocess(ctx)
		if err == nil && len(report.Drifts) > 0 {
			err = errors.New("the ledger differs from its events")
		}
		return err
	})
}

// reopen opens the database again and asks for its last year.
func (g *growth) reopen(ctx context.Context) error {
	err := g.st.Close()
	if err == nil {
		err = g.size("stored", "events.db")
	}
	if err != nil {
		return err
	}
	err = g.seconds("open", func() error {
		if g.st, err = sqlitestore.Open(ctx, g.path("events.db"), nil); err != nil {
			return err
		}
		api, err := httpapi.New(g.service(&eventmetrics.Options{}), &httpapi.Options{Token: "t"})
		if err != nil {
			return err
		}
		_, err = get(api, "/metrics?from="+monthName(g.files - 1)[:4]+"-01-01")
		return err
	})
	g.result["open"] *= 1000
	return err
}

func (g *growth) purge(ctx context.Context) error {
	service := g.service(&eventmetrics.Options{Retention: eventmetrics.Retention{Events: time.Nanosecond}})
	return g.seconds("purge", func() error {
		report, err := service.ApplyRetention(ctx, false)
		if err == nil && report.Events != g.rows {
			err = fmt.Errorf("%d events were purged", report.Events)
		}
		return err
	})
}
