package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

var rateColumns = []column{
	{title: "rows/s", value: "rate"},
	{title: "ratio", value: "rate", ratio: true},
	{title: "CPU, us a row", value: "cpu"},
	{title: "peak memory, MiB", value: "peak"},
	{title: "bytes stored a row", value: "stored"},
}

func uploadTable() *table {
	plain := eventmetrics.Options{}
	return &table{
		name: "upload", title: "A file",
		about: "Rows of 56 bytes: 100,000 candidates, 5,000 tests, 8 types, 30 days in order. It is read, checked, summed and stored durably " +
			"in SQLite. Of HTTP, client and server are in one process.",
		columns: rateColumns,
		fixture: writeFiles,
		rows: []row{
			{name: "Go API", run: upload("plain.csv", &plain)},
			{name: "by one dimension of 5,000 values", run: upload("plain.csv", &eventmetrics.Options{Dimensions: []string{"test_id"}})},
			{name: "all values in quotes", run: upload("quoted.csv", &plain)},
			{name: "lines end with CRLF", run: upload("crlf.csv", &plain)},
			{name: "letters outside ASCII in each row", run: upload("letters.csv", &plain)},
			{name: "process it, when it is uploaded", run: process},
			{name: "HTTP, multipart", run: post("plain.csv", "")},
			{name: "HTTP, gzip", run: post("plain.csv.gz", "gzip")},
			{name: "HTTP, zstd", run: post("plain.csv.zst", "zstd")},
			{name: "DuckDB: create table as select from read_csv, columns given", run: duckCreate},
			{name: "DuckDB: count by day and type, nothing stored", run: duckCount},
			{name: "sqlite3 .import", run: sqliteImport, runs: 1},
			{name: "encoding/csv and time.Parse: count by day and type, nothing stored", run: encodingCSV, runs: 3},
		},
	}
}

// writeFiles writes the file in its forms.
func writeFiles(_ context.Context, c *config, dir string) error {
	var outs []io.WriteCloser
	for _, name := range []string{"plain.csv", "quoted.csv", "crlf.csv", "letters.csv", "plain.csv.gz", "plain.csv.zst"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		outs = append(outs, f)
	}
	packed := gzip.NewWriter(outs[4])
	small, err := zstd.NewWriter(outs[5])
	if err != nil {
		return err
	}
	w := make([]*bufio.Writer, 4)
	for i := range w {
		w[i] = bufio.NewWriterSize(outs[i], 1<<20)
	}
	both := io.MultiWriter(w[0], packed, small)
	eachRow(c.rows, func(values []string) {
		line := strings.Join(values, ",")
		_, _ = io.WriteString(both, line+"\n")
		_, _ = w[1].WriteString(`"` + strings.Join(values, `","`) + "\"\n")
		_, _ = w[2].WriteString(line + "\r\n")
		if values[2] != "event_type" {
			line = "Zoë" + line
		}
		_, _ = w[3].WriteString(line + "\n")
	})
	for i := range w {
		err = errors.Join(err, w[i].Flush())
	}
	err = errors.Join(err, packed.Close(), small.Close())
	for _, out := range outs {
		err = errors.Join(err, out.Close())
	}
	return err
}

// writePlain writes the file in its first form alone.
func writePlain(path string, rows int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	eachRow(rows, func(values []string) { _, _ = w.WriteString(strings.Join(values, ",") + "\n") })
	return errors.Join(w.Flush(), f.Close())
}

// eachRow calls write with the header and each row of a file.
func eachRow(rows int64, write func(values []string)) {
	write([]string{"candidate_id", "test_id", "event_type", "timestamp"})
	rng := rand.New(rand.NewPCG(1, 1))
	first := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		at := first.Add(time.Duration(i*30*86400/rows+rng.Int64N(600)) * time.Second)
		write([]string{fmt.Sprintf("C%08d", rng.IntN(100_000)), fmt.Sprintf("test-%04d", rng.IntN(5000)), benchTypes[rng.IntN(8)], at.Format(time.RFC3339)})
	}
}

var benchTypes = []string{"test_started", "question_answered", "test_completed", "test_abandoned", "test_flagged", "page_viewed", "help_opened", "time_warning"}

// open returns a service on SQLite whose queue is in memory.
func (m *meter) open(ctx context.Context, o *eventmetrics.Options) (*eventmetrics.Service, error) {
	st, err := sqlitestore.Open(ctx, m.path("events.db"), nil)
	if err != nil {
		return nil, err
	}
	m.later(func() error { return errors.Join(st.Close(), m.size("stored", "events.db")) })
	opts := *o
	opts.MaxUploadBytes = 1 << 40
	return eventmetrics.New(st, memqueue.New(nil), &opts), nil
}

func upload(name string, o *eventmetrics.Options) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		service, err := m.open(ctx, o)
		if err != nil {
			return err
		}
		return m.time(float64(m.rows), func() error {
			_, err := m.send(ctx, service, name, m.rows, eventmetrics.DedupeNone)
			return err
		})
	}
}

func process(ctx context.Context, m *meter) error {
	service, err := m.open(ctx, &eventmetrics.Options{})
	if err != nil {
		return err
	}
	defer running(ctx, service)()
	id, err := m.send(ctx, service, "plain.csv", m.rows, eventmetrics.DedupeNone)
	if err != nil {
		return err
	}
	return m.time(float64(m.rows), func() error { return finish(ctx, service, id) })
}

// send uploads a file that was prepared, and returns its batch.
func (m *meter) send(ctx context.Context, service *eventmetrics.Service, name string, rows int64, how eventmetrics.Dedupe) (id string, err error) {
	f, err := os.Open(m.fixture(name))
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	return sendRows(ctx, service, f, rows, how)
}

// sendRows uploads a file that must have so many rows, all of them good.
func sendRows(ctx context.Context, service *eventmetrics.Service, body io.Reader, rows int64, how eventmetrics.Dedupe) (id string, err error) {
	r, err := service.Upload(ctx, eventmetrics.File{Body: body, AllowDuplicate: true, Dedupe: how})
	if err == nil && r.Batch.AcceptedRows+r.Batch.DuplicateRows != rows {
		err = fmt.Errorf("%d rows, %d duplicates", r.Batch.AcceptedRows, r.Batch.DuplicateRows)
	}
	return r.Batch.ID, err
}

// finish processes a batch.
func finish(ctx context.Context, service *eventmetrics.Service, id string) error {
	if err := service.Process(ctx, id); err != nil {
		return err
	}
	b, err := service.Wait(ctx, id)
	if err == nil && b.Status != store.Completed {
		err = fmt.Errorf("the batch is %s", b.Status)
	}
	return err
}

func post(name, encoding string) func(context.Context, *meter) error {
	return func(ctx context.Context, m *meter) error {
		service, err := m.open(ctx, &eventmetrics.Options{})
		if err != nil {
			return err
		}
		api, err := httpapi.New(service, &httpapi.Options{Token: "t", MaxBodyBytes: 1 << 40})
		if err != nil {
			return err
		}
		server := httptest.NewServer(api)
		defer server.Close()
		f, err := os.Open(m.fixture(name))
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // only read
		body, kind := io.Reader(f), "text/csv"
		if encoding == "" {
			body, kind = form(f)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/uploads", body)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer t")
		req.Header.Set("Content-Type", kind)
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		return m.time(float64(m.rows), func() error { return created(req) })
	}
}

// form returns a multipart body with a file, and its type.
func form(f io.Reader) (io.Reader, string) {
	var frame bytes.Buffer
	w := multipart.NewWriter(&frame)
	_, _ = w.CreateFormFile("file", "events.csv") // into memory
	head := bytes.Clone(frame.Bytes())
	frame.Reset()
	_ = w.Close()
	return io.MultiReader(bytes.NewReader(head), f, &frame), w.FormDataContentType()
}

func created(req *http.Request) error {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%d %s", res.StatusCode, text)
	}
	return err
}

func sqliteImport(ctx context.Context, m *meter) error {
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		return &skipError{"there is no sqlite3"}
	}
	cmd := exec.CommandContext(ctx, program, m.path("import.db"),
		"PRAGMA journal_mode=WAL", "CREATE TABLE events(candidate_id TEXT, test_id TEXT, event_type TEXT, timestamp TEXT)",
		".import --csv --skip 1 "+m.fixture("plain.csv")+" events")
	cmd.Stderr = os.Stderr
	if err := m.time(float64(m.rows), cmd.Run); err != nil {
		return err
	}
	delete(m.result, "peak") // it is that of this process
	return m.size("stored", "import.db")
}

// size notes how many bytes a row a file of this measurement has.
func (m *meter) size(as, name string) error {
	info, err := os.Stat(m.path(name))
	if err == nil {
		m.result[as] = float64(info.Size()) / float64(m.rows)
	}
	return err
}

func encodingCSV(_ context.Context, m *meter) error {
	f, err := os.Open(m.fixture("plain.csv"))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	r := csv.NewReader(bufio.NewReaderSize(f, 1<<20))
	r.ReuseRecord = true
	if _, err := r.Read(); err != nil { // the header
		return err
	}
	counts := map[string]map[string]int64{}
	return m.time(float64(m.rows), func() error {
		for {
			record, err := r.Read()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			at, err := time.Parse(time.RFC3339, record[3])
			if err != nil {
				return err
			}
			day := at.Format(time.DateOnly)
			if counts[day] == nil {
				counts[day] = map[string]int64{}
			}
			counts[day][strings.Clone(record[2])]++
		}
	})
}
