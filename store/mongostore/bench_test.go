//go:build unix

package mongostore_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

const (
	benchRows    = 100_000
	peerWorkers  = 4    // of mongoimport
	peerDocs     = 1000 // in a batch of mongoimport
	yearDays     = 365
	yearTypes    = 20
	yearBatches  = 20 // recorded; see BenchmarkDaily
	millionDays  = 30
	millionTypes = 20
)

func benchFile(tb testing.TB) []byte {
	tb.Helper()
	var file bytes.Buffer
	if _, err := eventgen.Write(&file, &eventgen.Options{Rows: benchRows, Days: 30}); err != nil {
		tb.Fatal(err)
	}
	return file.Bytes()
}

// eachPart calls use with the events of a file, a thousand per call.
func eachPart(file io.Reader, use func([]metrics.Event) error) error {
	r := ingest.NewReader(file, nil)
	for events := make([]metrics.Event, 1024); ; {
		n, err := r.Read(events)
		if n > 0 {
			if err := use(events[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// perRow runs f, which handles the rows of a file, and reports its cost; the
// processor time is this process's alone, not the server's.
func perRow(b *testing.B, f func(i int)) {
	b.Helper()
	before := processorTime(b)
	for i := 0; b.Loop(); i++ {
		f(i)
	}
	rows := float64(b.N) * benchRows
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/rows, "cpu-ns/row")
}

// BenchmarkUpload reads a file of CSV and inserts its events, in both layouts. disk-B/row
// is what the server says of the collection and its indexes. Its peers, on
// the same server: mongoimport, if there is one, and the driver's InsertMany
// used as mongoimport uses it, without an index but that of _id.
func BenchmarkUpload(b *testing.B) {
	file := benchFile(b)
	for _, layout := range layouts {
		b.Run(string(layout), func(b *testing.B) {
			uri := testenv.Mongo(b)
			st := openedWith(b, uri, &mongostore.Options{Events: layout})
			perRow(b, func(i int) { uploadFile(b, st, strconv.Itoa(i), file) })
			name := "events"
			if layout == mongostore.Blocks {
				name = "blocks"
			}
			b.ReportMetric(totalSize(b, uri, name)/float64(b.N)/benchRows, "disk-B/row")
		})
	}
	b.Run("insertmany", func(b *testing.B) {
		events := collection(b, testenv.Mongo(b))
		perRow(b, func(int) { insertMany(b, events, file) })
	})
	b.Run("mongoimport", func(b *testing.B) {
		program := mongoimport(b)
		path := filepath.Join(b.TempDir(), "events.csv")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			b.Fatal(err)
		}
		uri := testenv.Mongo(b)
		for b.Loop() {
			command := exec.CommandContext(b.Context(), program, "--uri", uri, "--collection", "events", "--type", "csv",
				"--headerline", "--numInsertionWorkers", strconv.Itoa(peerWorkers), "--file", path)
			if out, err := command.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
		}
		b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds(), "rows/s")
	})
}

// totalSize returns the bytes of a collection with its indexes on the server's disk.
func totalSize(b *testing.B, uri, name string) float64 {
	b.Helper()
	var stats struct {
		Size float64 `bson:"totalSize"`
	}
	command := bson.D{{Key: "collStats", Value: name}}
	if err := database(b, uri).RunCommand(b.Context(), command).Decode(&stats); err != nil {
		b.Fatal(err)
	}
	return stats.Size
}

// mongoimport returns the path of the program, out of MONGOIMPORT or PATH.
func mongoimport(b *testing.B) string {
	b.Helper()
	if program := os.Getenv("MONGOIMPORT"); program != "" {
		return program
	}
	program, err := exec.LookPath("mongoimport")
	if err != nil {
		b.Skip("no mongoimport on PATH, nor named by MONGOIMPORT")
	}
	return program
}

func uploadFile(tb testing.TB, st store.Store, id string, file []byte) {
	tb.Helper()
	w, err := st.Begin(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	err = eachPart(bytes.NewReader(file), func(events []metrics.Event) error { return w.Write(tb.Context(), events) })
	if err != nil {
		tb.Fatal(err)
	}
	b, err := w.Commit(tb.Context(), store.Batch{Created: time.Now()}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if b.AcceptedRows != benchRows {
		tb.Fatalf("stored %d events", b.AcceptedRows)
	}
}

func collection(b *testing.B, uri string) *mongo.Collection {
	b.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(b.Context())) })
	return client.Database(mongostore.DatabaseOf(uri)).Collection("peer")
}

// insertMany does what mongoimport does: one goroutine decodes, workers
// insert, unordered.
func insertMany(b *testing.B, to *mongo.Collection, file []byte) {
	b.Helper()
	parts := make(chan []any, peerWorkers)
	var workers sync.WaitGroup
	for range peerWorkers {
		workers.Go(func() {
			for docs := range parts {
				if _, err := to.InsertMany(b.Context(), docs, options.InsertMany().SetOrdered(false)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	err := decode(file, parts)
	close(parts)
	workers.Wait()
	if err != nil {
		b.Fatal(err)
	}
}

func decode(file []byte, parts chan<- []any) error {
	r := csv.NewReader(bytes.NewReader(file))
	header, err := r.Read()
	if err != nil {
		return err
	}
	var docs []any
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		doc := make(bson.D, len(record))
		for i := range record {
			doc[i] = bson.E{Key: header[i], Value: record[i]}
		}
		if docs = append(docs, doc); len(docs) == peerDocs {
			parts <- docs
			docs = nil
		}
	}
	if len(docs) > 0 {
		parts <- docs
	}
	return nil
}

// BenchmarkEncode makes the documents alone, beside the driver's encoder.
func BenchmarkEncode(b *testing.B) {
	var events []metrics.Event
	err := eachPart(bytes.NewReader(benchFile(b)), func(part []metrics.Event) error {
		for _, e := range part {
			e.Fields = slices.Clone(e.Fields)
			events = append(events, e)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("mongostore", func(b *testing.B) {
		var buffer []byte
		perRow(b, func(int) { buffer = mongostore.AppendDocuments(buffer[:0], "batch", events) })
	})
	b.Run("bson", func(b *testing.B) {
		perRow(b, func(int) {
			for i := range events {
				if _, err := bson.Marshal(asD(&events[i])); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func asD(e *metrics.Event) bson.D {
	row := strconv.FormatInt(e.Row, 10)
	doc := bson.D{{Key: "_id", Value: "batch/" + row}, {Key: "batch_id", Value: "batch"}, {Key: "event_id", Value: row}, {Key: "event_type", Value: e.Type}, {Key: "timestamp", Value: e.Time}}
	for _, f := range e.Fields {
		doc = append(doc, bson.E{Key: f.Name, Value: f.Value})
	}
	return doc
}

// contribution makes one of days x types, of some events and subjects each.
func contribution(days, types int) metrics.Contribution {
	agg := metrics.NewAggregator(nil)
	first := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := range days {
		for kind := range types {
			for i := range 20 {
				_ = agg.Add(&metrics.Event{
					Row: 1, Type: fmt.Sprintf("event_type_%02d", kind),
					Time:   first.AddDate(0, 0, day).Add(time.Duration(i*67) * time.Minute),
					Fields: []metrics.Field{{Name: "candidate_id", Value: strconv.Itoa(i * 7919)}},
				})
			}
		}
	}
	return agg.Contribution()
}

// record enters a contribution into the ledger for a new batch.
func record(tb testing.TB, st store.Store, id string, c metrics.Contribution) {
	tb.Helper()
	w, err := st.Begin(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Commit(tb.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		tb.Fatal(err)
	}
	if err := st.Record(tb.Context(), id, c); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkRecord enters a contribution of 600 days and types, as many as a
// file of a million rows may have, but with twenty subjects each: its sketches
// are smaller. What is timed includes beginning and committing a batch without
// events.
func BenchmarkRecord(b *testing.B) {
	st := opened(b, testenv.Mongo(b))
	c := contribution(millionDays, millionTypes)
	for i := 0; b.Loop(); i++ {
		record(b, st, strconv.Itoa(i), c)
	}
}

// BenchmarkDaily reads a year of twenty types from a ledger that is folded.
// It records few batches, to be set up in time on the test server: what ten
// thousand of them cost a reader is not measured here. The metric cpu-ms/op is
// of this process, without the server.
func BenchmarkDaily(b *testing.B) {
	st := opened(b, testenv.Mongo(b))
	year, day := contribution(yearDays, yearTypes), contribution(1, yearTypes)
	record(b, st, "year", year)
	for i := range yearBatches {
		record(b, st, strconv.Itoa(i), day)
	}
	waitFolded(b, st)
	for _, q := range []struct {
		name  string
		query metrics.Filter
	}{{"counts", metrics.Filter{}}, {"slots", metrics.Filter{Slots: true}}, {"subjects", metrics.Filter{Subjects: true}}} {
		b.Run(q.name, func(b *testing.B) {
			read := func() time.Duration {
				began, cells := time.Now(), 0
				for _, err := range st.DayCounts(b.Context(), q.query) {
					if err != nil {
						b.Fatal(err)
					}
					cells++
				}
				if cells != yearDays*yearTypes {
					b.Fatalf("got %d days and types", cells)
				}
				return time.Since(began)
			}
			cold := read() // fills the memory
			var took []time.Duration
			before := processorTime(b)
			for b.Loop() {
				took = append(took, read())
			}
			slices.Sort(took)
			b.ReportMetric(float64(cold.Microseconds())/1000, "first-ms")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

func waitFolded(b *testing.B, st *mongostore.Store) {
	b.Helper()
	for {
		n, err := st.Unfolded(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if n == 0 {
			return
		}
		st.FoldJournal(b.Context())
	}
}
