package ingest_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// outcome is all that a Reader tells of an input.
type outcome struct {
	Columns  []string
	Events   []metrics.Event
	Rejected []ingest.RowError
	ReadAs   ingest.ReadAs
	Warnings []ingest.Warning
	Err      error
}

// read reads an input to its end, a few events at a time.
func read(in io.Reader, opts ingest.Options) outcome { return readPieces(in, opts, 0) }

// readPieces reads an input in pieces of the size given, and without the quick
// path, unless it is 0.
func readPieces(in io.Reader, opts ingest.Options, chunk int) outcome {
	var out outcome
	opts.Reject = func(e *ingest.RowError) error {
		kept := *e
		kept.Record = append([]metrics.Field(nil), e.Record...)
		out.Rejected = append(out.Rejected, kept)
		return nil
	}
	r := ingest.NewReader(in, &opts)
	if chunk > 0 {
		r.SetChunk(chunk)
		r.NoQuick()
	}
	events := make([]metrics.Event, 3)
	for {
		n, err := r.Read(events)
		for _, e := range events[:n] {
			e.Fields = append([]metrics.Field(nil), e.Fields...)
			out.Events = append(out.Events, e)
		}
		if err != nil {
			out.Columns, _ = r.Columns()
			out.ReadAs, out.Warnings = r.ReadAs(), r.Warnings()
			if !errors.Is(err, io.EOF) {
				out.Err = err
			}
			return out
		}
	}
}

// line shows an event in one line.
func line(e *metrics.Event) string {
	s := fmt.Appendf(nil, "%d %s %s", e.Row, e.Type, e.Time.Format(time.RFC3339Nano))
	if e.ID != "" {
		s = append(s, " #"+e.ID...)
	}
	for _, f := range e.Fields {
		s = fmt.Appendf(s, " %s=%q", f.Name, f.Value)
	}
	return string(s)
}

func lines(events []metrics.Event) []string {
	var out []string
	for i := range events {
		out = append(out, line(&events[i]))
	}
	return out
}

// faults shows each rejected row in one line.
func faults(rejected []ingest.RowError) []string {
	var out []string
	for _, e := range rejected {
		out = append(out, fmt.Sprintf("%d:%d %s %s %q", e.Row, e.Line, e.Code, e.Column, e.Value))
	}
	return out
}

func TestFileOfTheOriginalService(t *testing.T) {
	f, err := os.Open("testdata/events.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := read(f, ingest.Options{})
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	if d := gocmp.Diff([]string{
		`1 test_started 2025-11-08T09:00:00Z candidate_id="C101" test_id="T1001"`,
		`2 question_answered 2025-11-08T09:02:00Z candidate_id="C101" test_id="T1001"`,
		`3 test_completed 2025-11-10T09:10:00Z candidate_id="C101" test_id="T1001"`,
		`4 test_started 2025-11-09T09:05:00Z candidate_id="C102" test_id="T1002"`,
		`5 test_abandoned 2025-11-08T09:20:00Z candidate_id="C102" test_id="T1002"`,
	}, lines(got.Events)); d != "" {
		t.Error(d)
	}
	want := []ingest.RowError{
		{Row: 6, Line: 7, Column: "candidate_id", Code: "missing_value", Message: "candidate_id is missing"},
		{Row: 7, Line: 8, Column: "event_type", Code: "missing_value", Message: "event_type is missing"},
		{Row: 8, Line: 9, Column: "timestamp", Code: "missing_value", Message: "timestamp is missing"},
	}
	for i, values := range [][]string{
		{"", "T1002", "test_abandoned", "2025-11-09T09:20:00Z"},
		{"C102", "T1002", "", "2025-11-08T09:20:00Z"},
		{"C102", "T1002", "test_abandoned", ""},
	} {
		for j, v := range values {
			want[i].Record = append(want[i].Record, metrics.Field{Name: got.Columns[j], Value: v})
		}
	}
	if d := gocmp.Diff(want, got.Rejected); d != "" {
		t.Error(d)
	}
}

func TestFileWithoutTimestampOfTheOriginalService(t *testing.T) {
	f, err := os.Open("testdata/eventsError.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = ingest.NewReader(f, nil).Columns()
	want := &ingest.HeaderError{
		Missing: []string{"timestamp"},
		Found:   []string{"candidate_id", "test_id", "event_type"},
	}
	var got *ingest.HeaderError
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want a HeaderError", err)
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff("ingest: header: missing timestamp; found candidate_id, test_id, event_type", got.Error()); d != "" {
		t.Error(d)
	}
}

func TestNDJSON(t *testing.T) {
	in := `{"candidate_id":"C1","test_id":7,"event_type":"a","timestamp":1762592400,"extra":true}
{"test_id":"T","timestamp":"2025-11-08","event_type":"\u00e9","candidate_id":"C2"}

{"test_id":"T","event_type":"b","candidate_id":{}}
`
	got := read(strings.NewReader(in), ingest.Options{Format: ingest.NDJSON})
	if d := gocmp.Diff([]string{
		`1 a 2025-11-08T09:00:00Z candidate_id="C1" test_id="7" extra="true"`,
		`2 é 2025-11-08T00:00:00Z test_id="T" candidate_id="C2"`,
	}, lines(got.Events)); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff([]string{`3:4 bad_json candidate_id ""`}, faults(got.Rejected)); d != "" {
		t.Error(d)
	}
}
