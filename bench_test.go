package eventmetrics_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// benchRows is the number of rows of the benchmarks' file; BENCHROWS sets it.
func benchRows() int64 {
	if n, err := strconv.ParseInt(os.Getenv("BENCHROWS"), 10, 64); err == nil {
		return n
	}
	return 1_000_000
}

// benchFile makes the file: 20 event types on 30 days, and 100,000 candidates.
func benchFile(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "events.csv")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := eventgen.Write(f, &eventgen.Options{Rows: benchRows(), Days: 30, Types: benchTypes(), Candidates: 100_000}); err != nil {
		b.Fatal(err)
	}
	return path
}

func benchTypes() []string {
	types := make([]string, 20)
	for i := range types {
		types[i] = fmt.Sprintf("event_type_%d", i)
	}
	return types
}

func openBench(b *testing.B) (*eventmetrics.Service, *sqlitestore.Store, string) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "events.db")
	st, err := sqlitestore.Open(b.Context(), path, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{MaxUploadBytes: 1 << 40}), st, path
}

// reportRows reports the rate, and its ratio to that of the peer if there is
// one, and returns it.
func reportRows(b *testing.B, peer float64) float64 {
	perRun := b.Elapsed() / time.Duration(b.N)
	rate := float64(benchRows()) / perRun.Seconds()
	b.ReportMetric(rate, "rows/s")
	b.ReportMetric(0, "ns/op")
	if peer > 0 {
		b.ReportMetric(rate/peer, "x-encodingcsv")
	}
	return rate
}

// BenchmarkIngest compares ways to take one file in. The peer of all is
// encodingcsv, which reads, parses the times and counts, and keeps nothing;
// aggregate also checks, and estimates subjects. Both use one core. The others
// end durable.
func BenchmarkIngest(b *testing.B) {
	path := benchFile(b)
	var peer float64
	b.Run("encodingcsv", func(b *testing.B) {
		for b.Loop() {
			countWithEncodingCSV(b, path)
		}
		peer = reportRows(b, 0)
	})
	b.Run("aggregate", func(b *testing.B) {
		for b.Loop() {
			aggregateFile(b, path)
		}
		reportRows(b, peer)
	})
	b.Run("upload", func(b *testing.B) {
		var db string
		for b.Loop() {
			b.StopTimer()
			service, st, path2 := openBench(b)
			db = path2
			b.StartTimer()
			uploadFile(b, service, path)
			b.StopTimer()
			_ = st.Close() // checkpoints, so that the file has all of it
			b.StartTimer()
		}
		reportRows(b, peer)
		if info, err := os.Stat(db); err == nil {
			b.ReportMetric(float64(info.Size())/float64(benchRows()), "B/row")
		}
		reportPeak(b)
	})
	b.Run("http", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			service, st, _ := openBench(b)
			api, err := httpapi.New(service, &httpapi.Options{Token: "t", MaxBodyBytes: 1 << 40})
			if err != nil {
				b.Fatal(err)
			}
			server := httptest.NewServer(api)
			b.StartTimer()
			postFile(b, server.URL, path)
			b.StopTimer()
			server.Close()
			_ = st.Close()
			b.StartTimer()
		}
		reportRows(b, peer)
	})
}

// reportPeak reports the greatest resident size of the process so far.
func reportPeak(b *testing.B) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return // not on this system
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			b.ReportMetric(kilobytes/1024, "peak-MiB")
		}
	}
}

func countWithEncodingCSV(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 1<<20))
	r.ReuseRecord = true
	counts := map[string]map[string]int64{}
	for first := true; ; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		if first {
			continue
		}
		at, err := time.Parse(time.RFC3339, record[3])
		if err != nil {
			b.Fatal(err)
		}
		day := at.Format(time.DateOnly)
		if counts[day] == nil {
			counts[day] = map[string]int64{}
		}
		counts[day][strings.Clone(record[2])]++
	}
}

func aggregateFile(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	sum := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "candidate_id"})
	r := ingest.NewReader(f, &ingest.Options{Accept: sum.Add})
	events := make([]metrics.Event, 1024)
	for {
		if _, err = r.Read(events); err != nil {
			break
		}
	}
	if n := sum.Contribution().Events(); !errors.Is(err, io.EOF) || n != benchRows() {
		b.Fatalf("%d events, %v", n, err)
	}
}

func uploadFile(b *testing.B, service *eventmetrics.Service, path string) string {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	receipt, err := service.Upload(b.Context(), eventmetrics.File{Name: "events.csv", Body: f, AllowDuplicate: true})
	if err != nil || receipt.Batch.AcceptedRows != benchRows() {
		b.Fatalf("%d events, %v", receipt.Batch.AcceptedRows, err)
	}
	return receipt.Batch.ID
}

func postFile(b *testing.B, url, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var frame bytes.Buffer
	form := multipart.NewWriter(&frame)
	if _, err := form.CreateFormFile("file", "events.csv"); err != nil {
		b.Fatal(err)
	}
	head := bytes.Clone(frame.Bytes())
	frame.Reset()
	_ = form.Close()
	body := io.MultiReader(bytes.NewReader(head), f, &frame)
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url+"/uploads", body)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Authorization", "Bearer t")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(res.Body)
		b.Fatalf("%d %s", res.StatusCode, text)
	}
}

// BenchmarkProcess is what the worker does with one batch of the file, with
// the sum made during the upload.
func BenchmarkProcess(b *testing.B) {
	path := benchFile(b)
	service, _, _ := openBench(b)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	defer func() { stop(); <-done }()
	for b.Loop() {
		b.StopTimer()
		id := uploadFile(b, service, path)
		b.StartTimer()
		if err := service.Process(ctx, id); err != nil {
			b.Fatal(err)
		}
		if _, err := service.Wait(ctx, id); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSeries asks for a year of days and 20 event types from a ledger of
// 10,000 batches, through the HTTP handler.
func BenchmarkSeries(b *testing.B) {
	service, st, _ := openBench(b)
	const batches, days = 10_000, 365
	fillLedger(b, st, batches, days)
	api, err := httpapi.New(service, &httpapi.Options{Token: "t"})
	if err != nil {
		b.Fatal(err)
	}
	now := "&as_of=" + time.Now().UTC().Format(time.RFC3339)
	const year = "?from=2025-01-01&to=2025-12-31" // it is over, so that its finality is looked for
	for _, query := range []string{"", year, year + now, year + now + "&uniques=true", "?tz=America/New_York", "?interval=month", "?uniques=true&interval=month"} {
		b.Run("metrics"+query, func(b *testing.B) { ask(b, api, "/metrics"+query) })
	}
}

// ask sends a query again and again and reports how long the answers took.
func ask(b *testing.B, api http.Handler, path string) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
		req.Header.Set("Authorization", "Bearer t")
		res := httptest.NewRecorder()
		start := time.Now()
		api.ServeHTTP(res, req)
		took = append(took, time.Since(start))
		if res.Code != http.StatusOK {
			b.Fatalf("%d %s", res.Code, res.Body)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// fillLedger completes batches of 20 events each, which together touch every
// day and type.
func fillLedger(b *testing.B, st *sqlitestore.Store, batches, days int) {
	b.Helper()
	first := metrics.DayOf(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	types := benchTypes()
	for i := range batches {
		sum := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "candidate_id"})
		for k := range types {
			at := (first + metrics.Day(i%days)).Time().Add(time.Duration(i*7919%86400) * time.Second)
			e := metrics.Event{Type: types[k], Time: at, Fields: []metrics.Field{{Name: "candidate_id", Value: "C" + strconv.Itoa(i*20+k)}}}
			if err := sum.Add(&e); err != nil {
				b.Fatal(err)
			}
		}
		id := fmt.Sprintf("0199d2f8-0000-7000-8000-%012d", i)
		if err := complete(b.Context(), st, id, sum.Contribution()); err != nil {
			b.Fatal(err)
		}
	}
}

// complete makes a batch without events that counts.
func complete(ctx context.Context, st *sqlitestore.Store, id string, c metrics.Contribution) error {
	w, err := st.Begin(ctx, id)
	if err != nil {
		return err
	}
	defer func() { _ = w.Abort(ctx) }()
	if _, err := w.Commit(ctx, store.Batch{Created: time.Now()}, nil); err != nil {
		return err
	}
	if err := st.Record(ctx, id, c); err != nil {
		return err
	}
	return st.SetStatus(ctx, id, []store.Status{store.Uploaded}, store.Completed, "")
}
