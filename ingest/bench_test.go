package ingest_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

const benchRows = 100_000

// benchInput makes rows over 30 days and five event types.
func benchInput(quote bool) []byte {
	var b bytes.Buffer
	b.WriteString("candidate_id,test_id,event_type,timestamp\n")
	random := rand.New(rand.NewPCG(1, 2))
	types := []string{"test_started", "question_answered", "test_completed", "test_abandoned", "login"}
	form := "C%09d,T%05d,%s,%s\n"
	if quote {
		form = "\"C%09d\",\"T%05d\",\"%s\",\"%s\"\n"
	}
	first := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)
	for range benchRows {
		at := first.Add(time.Duration(random.IntN(30*24*3600)) * time.Second)
		fmt.Fprintf(&b, form, random.IntN(1e9), random.IntN(1e5), types[random.IntN(len(types))], at.Format(time.RFC3339))
	}
	return b.Bytes()
}

func perRow(b *testing.B) {
	rows := float64(b.N) * benchRows
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/rows, "ns/row")
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
}

func benchRead(b *testing.B, input []byte, opts func() *ingest.Options) {
	events := make([]metrics.Event, 1024)
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		r := ingest.NewReader(bytes.NewReader(input), opts())
		total := 0
		for {
			n, err := r.Read(events)
			total += n
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if total != benchRows {
			b.Fatalf("got %d events", total)
		}
	}
	perRow(b)
}

func BenchmarkReader(b *testing.B) {
	b.Run("plain", func(b *testing.B) {
		benchRead(b, benchInput(false), func() *ingest.Options { return nil })
	})
	b.Run("quoted", func(b *testing.B) {
		benchRead(b, benchInput(true), func() *ingest.Options { return nil })
	})
}

func BenchmarkReaderAndAggregate(b *testing.B) {
	benchRead(b, benchInput(false), func() *ingest.Options {
		return &ingest.Options{Accept: metrics.NewAggregator(nil).Add}
	})
}

func BenchmarkEncodingCSV(b *testing.B) {
	input := benchInput(false)
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	type key struct {
		day  int64
		kind string
	}
	for b.Loop() {
		counts := map[key]int{}
		r := csv.NewReader(bytes.NewReader(input))
		r.ReuseRecord = true
		if _, err := r.Read(); err != nil {
			b.Fatal(err)
		}
		for {
			rec, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, rec[3])
			if err != nil {
				b.Fatal(err)
			}
			counts[key{at.Unix() / 86400, rec[2]}]++
		}
	}
	perRow(b)
}
