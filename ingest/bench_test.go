package ingest_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/metrics"
)

const benchRows = 1_000_000

// benchInput makes rows over 30 days and five event types.
func benchInput(b *testing.B, quoted float64) []byte {
	var buf bytes.Buffer
	if _, err := eventgen.Write(&buf, &eventgen.Options{Rows: benchRows, Days: 30, Quoted: quoted}); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
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
			if errors.Is(err, io.EOF) {
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
		benchRead(b, benchInput(b, 0), func() *ingest.Options { return nil })
	})
	b.Run("quoted", func(b *testing.B) {
		benchRead(b, benchInput(b, 1), func() *ingest.Options { return nil })
	})
}

func BenchmarkReaderAndAggregate(b *testing.B) {
	benchRead(b, benchInput(b, 0), func() *ingest.Options {
		return &ingest.Options{Accept: metrics.NewAggregator(nil).Add}
	})
}

// BenchmarkEncodingCSV is what one would write without this package, which
// checks nothing but the time.
func BenchmarkEncodingCSV(b *testing.B) {
	for _, tc := range []struct {
		name   string
		quoted float64
		reuse  bool
	}{{"plain", 0, false}, {"plain_reused", 0, true}, {"quoted_reused", 1, true}} {
		b.Run(tc.name, func(b *testing.B) {
			input := benchInput(b, tc.quoted)
			b.SetBytes(int64(len(input)))
			b.ReportAllocs()
			for b.Loop() {
				r := csv.NewReader(bytes.NewReader(input))
				r.ReuseRecord = tc.reuse
				if err := countDays(r); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b)
		})
	}
}

func countDays(r *csv.Reader) error {
	type key struct {
		day  int64
		kind string
	}
	counts := map[key]int{}
	if _, err := r.Read(); err != nil {
		return err
	}
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
		counts[key{at.Unix() / 86400, record[2]}]++
	}
}
