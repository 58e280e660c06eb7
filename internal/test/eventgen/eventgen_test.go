package eventgen_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/metrics"
)

func TestOracleIsWhatIngestCounts(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts eventgen.Options
	}{
		{"default", eventgen.Options{}},
		{"days and candidates", eventgen.Options{Rows: 20_000, Days: 40, Candidates: 7}},
		{"skewed", eventgen.Options{Rows: 20_000, Days: 40, Zipf: 1.2}},
		{"quoted", eventgen.Options{Rows: 20_000, Days: 3, Quoted: 0.5}},
		{"all quoted", eventgen.Options{Quoted: 1}},
		{"broken", eventgen.Options{Rows: 20_000, Days: 3, Quoted: 0.3, Broken: 0.1}},
		{"all broken", eventgen.Options{Broken: 1}},
		{"own types", eventgen.Options{Types: []string{"$x", "a.b"}, First: 400}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var file bytes.Buffer
			want, err := eventgen.Write(&file, &tc.opts)
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(want, count(t, &file)); d != "" {
				t.Error(d)
			}
			if share := float64(want.Broken) / float64(want.Rows); share < tc.opts.Broken*0.9 || share > tc.opts.Broken*1.1 {
				t.Errorf("%v of the rows are broken, want %v", share, tc.opts.Broken)
			}
		})
	}
}

func count(t *testing.T, file io.Reader) *eventgen.Oracle {
	t.Helper()
	r := ingest.NewReader(file, nil)
	got := &eventgen.Oracle{Counts: map[eventgen.Cell]int64{}}
	events := make([]metrics.Event, 100)
	for {
		n, err := r.Read(events)
		for _, e := range events[:n] {
			got.Counts[eventgen.Cell{Day: metrics.DayOf(e.Time), Type: e.Type}]++
		}
		if errors.Is(err, io.EOF) {
			got.Rows, got.Broken = r.Rows(), r.Rejected()
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestSeedDecidesTheFile(t *testing.T) {
	file := func(seed uint64) string {
		var b bytes.Buffer
		if _, err := eventgen.Write(&b, &eventgen.Options{Seed: seed, Zipf: 1.1, Days: 5}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	one, again, two := file(1), file(1), file(2)
	if one != again {
		t.Error("the same seed made two files")
	}
	if one == two {
		t.Error("two seeds made the same file")
	}
}

func TestWriteReturnsTheErrorOfTheWriter(t *testing.T) {
	_, w := io.Pipe()
	w.Close()
	if _, err := eventgen.Write(w, nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	const rows = 1_000_000
	for b.Loop() {
		if _, err := eventgen.Write(io.Discard, &eventgen.Options{Rows: rows, Days: 30}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
