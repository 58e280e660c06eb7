package ingest_test

import (
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// inChunks yields a text in chunks of n bytes, and then an error unless nil.
func inChunks(text []byte, n int, err error) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for len(text) > 0 {
			n := min(n, len(text))
			if !yield(text[:n], nil) {
				return
			}
			text = text[n:]
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestRepairLinesAreTheRowsThatWereWritten(t *testing.T) {
	rows := []ingest.RowError{
		{Column: "at", Code: "bad_timestamp", Message: `no time: "x,y"`, Record: []metrics.Field{{Name: "who", Value: "=1+1"}, {Name: "at", Value: "a\nb"}}},
		{Column: "", Code: "too_many_fields", Message: "it has 3", Record: []metrics.Field{{Name: "who", Value: "'=x"}, {Name: "at", Value: ` "q" `}}},
		{Code: "cut", Message: "rows are missing", Record: []metrics.Field{{Name: "who"}, {Name: "at"}}},
	}
	w := ingest.NewRepairWriter([]string{"who", "at"})
	file := w.AppendHeader(nil)
	for i := range rows {
		file = w.AppendRow(file, &rows[i])
	}
	for n := 1; n <= len(file); n++ {
		var got []ingest.RowError
		var text []byte
		for line, err := range ingest.RepairLines(inChunks(file, n, nil)) {
			if err != nil {
				t.Fatal(err)
			}
			if text = append(text, line.Text...); !line.Header {
				got = append(got, line.Row)
			}
		}
		if d := cmp.Diff(rows, got); d != "" {
			t.Fatalf("chunks of %d bytes: %s", n, d)
		}
		if d := cmp.Diff(string(file), string(text)); d != "" {
			t.Fatalf("chunks of %d bytes: %s", n, d)
		}
	}
}

func TestRepairLinesEndWithTheErrorOfTheirChunks(t *testing.T) {
	broken := errors.New("broken")
	file := ingest.NewRepairWriter([]string{"who"}).AppendHeader(nil)
	var last error
	lines := 0
	for _, err := range ingest.RepairLines(inChunks(file, 3, broken)) {
		lines++
		last = err
	}
	if lines != 2 || !errors.Is(last, broken) {
		t.Errorf("%d lines, the last with %v; want the header and the error", lines, last)
	}
}
