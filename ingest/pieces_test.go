package ingest_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/test/eventgen"
	"github.com/eventmetrics/eventmetrics/metrics"
)

func TestPiecesAndPathDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		_, err := eventgen.Write(&b, &eventgen.Options{
			Seed: rapid.Uint64().Draw(t, "seed"), Rows: 200, Days: 9,
			Quoted: rapid.Float64Range(0, 1).Draw(t, "quoted"), Broken: rapid.Float64Range(0, 0.5).Draw(t, "broken"),
		})
		if err != nil {
			t.Fatal(err)
		}
		input := b.String()
		if rapid.Bool().Draw(t, "crlf") {
			input = strings.ReplaceAll(input, "\n", "\r\n")
		}
		for range rapid.IntRange(0, 3).Draw(t, "inserts") {
			i := rapid.IntRange(0, len(input)).Draw(t, "place")
			if i > len(eventgen.Header)+1 {
				input = input[:i] + messy().Draw(t, "mess") + input[i:]
			}
		}
		opts := ingest.Options{Limits: ingest.Limits{RowBytes: rapid.IntRange(40, 300).Draw(t, "row bytes")}}
		want := read(strings.NewReader(input), opts)
		got := readPieces(iotest.HalfReader(strings.NewReader(input)), opts, rapid.IntRange(1, 400).Draw(t, "chunk"))
		if d := gocmp.Diff(want, got, gocmp.Comparer(sameError)); d != "" {
			t.Fatal(d)
		}
	})
}

// The quick path asks Accept and counts rows as the general one does.
func TestQuickPathAsksAcceptOnce(t *testing.T) {
	for _, quick := range []bool{true, false} {
		asked := 0
		var seen []string
		r := ingest.NewReader(strings.NewReader(twoRows), &ingest.Options{
			Accept: func(e *metrics.Event) error {
				asked++
				if e.Row == 1 {
					return metrics.ErrTooManyDays
				}
				return nil
			},
			Reject: func(e *ingest.RowError) error {
				seen = append(seen, e.Record[0].Value)
				return nil
			},
		})
		if !quick {
			r.NoQuick()
		}
		events := make([]metrics.Event, 4)
		n, err := r.Read(events)
		if n != 1 || err != nil || events[0].Row != 2 || asked != 2 || r.Rows() != 2 || r.Rejected() != 1 {
			t.Errorf("quick %v: %d events %v, asked %d times, %d rows", quick, n, err, asked, r.Rows())
		}
		if d := gocmp.Diff([]string{"C1"}, seen); d != "" {
			t.Error(d)
		}
	}
}
