//go:build unix

package mongostore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

const (
	benchRows    = 100_000
	yearDays     = 365
	yearTypes    = 20
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
