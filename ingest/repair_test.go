package ingest_test

import (
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// repairFile writes rejected rows as CSV.
func repairFile(columns []string, rejected []ingest.RowError) string {
	w := ingest.NewRepairWriter(columns)
	b := w.AppendHeader(nil)
	for i := range rejected {
		b = w.AppendRow(b, &rejected[i])
	}
	return string(b)
}

func TestRepairFile(t *testing.T) {
	in := "candidate_id,test_id,event_type,timestamp,=note\n,T1,a,2025-11-08,=1+1\nC1,T1,\"a\"b,2025-11-08,\nC1,T1,a,2025-11-08,'@,more\n"
	got := read(strings.NewReader(in), ingest.Options{})
	want := `candidate_id,test_id,event_type,timestamp,'=note,_row,_line,_column,_code,_message
,T1,a,2025-11-08,'=1+1,1,2,candidate_id,missing_value,candidate_id is missing
C1,T1,"""a""b",2025-11-08,,2,3,,bad_quotes,"a quote does not close, or stands where none may; put the value in quotes and double those inside"
C1,T1,a,2025-11-08,"''@,more",3,4,,too_many_fields,"the row has 6 fields, the header 5"
`
	file := repairFile(got.Columns, got.Rejected)
	if d := gocmp.Diff(want, file); d != "" {
		t.Fatal(d)
	}
	corrected := strings.Replace(file, "\n,T1,a", "\nC1,T1,a", 1)
	again := read(strings.NewReader(corrected), ingest.Options{})
	if d := gocmp.Diff([]string{
		`1 a 2025-11-08T00:00:00Z candidate_id="C1" test_id="T1" =note="=1+1"`,
		`2 "a"b 2025-11-08T00:00:00Z candidate_id="C1" test_id="T1" =note=""`,
		`3 a 2025-11-08T00:00:00Z candidate_id="C1" test_id="T1" =note="'@,more"`,
	}, lines(again.Events)); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff(got.Columns, again.Columns); d != "" {
		t.Error(d)
	}
}

// messy draws text of pieces that matter to CSV and spreadsheets.
func messy() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			`"`, `""`, ",", ";", "\t", "|", "\n", "\r", "\r\n", "'", "''", "=", "+", "-", "@", "＝", "＋", "－", "＠", " ", "a", "é", "2025-11-08", "_row", "\x00", "\xff",
		}), 0, 5).Draw(t, "pieces"), "")
	})
}

func TestRowsComeBackFromARepairFile(t *testing.T) {
	refuse := ingest.Options{
		Schema: ingest.Schema{Required: []string{}},
		Accept: func(*metrics.Event) error { return errors.New("no") },
	}
	rapid.Check(t, func(t *rapid.T) {
		columns := []string{"event_type", "timestamp", "note", "more"}
		var rejected []ingest.RowError
		for _, values := range rapid.SliceOfN(rapid.SliceOfN(messy(), 4, 4), 1, 4).Draw(t, "rows") {
			values[0] = "a" + values[0] // a row without any value is a blank line
			e := ingest.RowError{Row: int64(len(rejected) + 1), Line: 7, Column: "note", Code: ingest.Rejected, Message: "no, \"no\""}
			for i, v := range values {
				e.Record = append(e.Record, metrics.Field{Name: columns[i], Value: v})
			}
			rejected = append(rejected, e)
		}
		got := read(strings.NewReader(repairFile(columns, rejected)), refuse)
		if got.Err != nil || len(got.Rejected) != len(rejected) {
			t.Fatalf("%d rows came back; %v", len(got.Rejected), got.Err)
		}
		for i := range rejected {
			sameRecord(t, rejected[i].Record, got.Rejected[i].Record)
		}
	})
}

// cellsOf splits a file as a spreadsheet with another list separator does. It has
// no eye for quotes, as one that meets a quote within a cell.
func cellsOf(file, separator string) []string {
	return strings.FieldsFunc(file, func(c rune) bool { return c == '\n' || c == '\r' || strings.ContainsRune(separator, c) })
}

func isCalculated(cell string) bool {
	cell = strings.TrimLeft(cell, `" `)
	return cell != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(cell)[0])
}

func TestNoCellOfARepairFileIsCalculated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// _row alone would be a column of the file itself.
		columns := []string{strings.ReplaceAll(messy().Draw(t, "column"), "_row", "r"), "b"}
		e := ingest.RowError{Row: 1, Line: 2, Column: messy().Draw(t, "at"), Code: "x", Message: messy().Draw(t, "message")}
		for _, name := range columns {
			e.Record = append(e.Record, metrics.Field{Name: name, Value: messy().Draw(t, "value")})
		}
		file := repairFile(columns, []ingest.RowError{e})
		for _, separator := range []string{";", "\t", "|"} {
			for _, cell := range cellsOf(file, separator) {
				if isCalculated(cell) {
					t.Fatalf("with %q as separator, %q is calculated:\n%s", separator, cell, file)
				}
			}
		}
		for line, err := range ingest.RepairLines(func(yield func([]byte, error) bool) { yield([]byte(file), nil) }) {
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range line.Row.Record[:2] {
				if want := e.Record[i].Value; !line.Header && strings.ReplaceAll(f.Value, "\r\r\n", "\r\n") != want {
					t.Fatalf("RepairLines: got %q, want %q", f.Value, want)
				}
			}
		}
		for _, record := range readCSV(t, file) {
			for _, cell := range record {
				if isCalculated(cell) || strings.HasPrefix(cell, "\t") || strings.HasPrefix(cell, "\r") {
					t.Fatalf("with commas, %q is calculated:\n%s", cell, file)
				}
			}
		}
	})
}

func readCSV(t *rapid.T, file string) [][]string {
	r := csv.NewReader(strings.NewReader(file))
	all, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%v:\n%s", err, file)
	}
	return all
}

// sameRecord compares values; white space around them does not count.
func sameRecord(t *rapid.T, want, got []metrics.Field) {
	for i := range want {
		w, g := want[i], got[i]
		if w.Value, g.Value = visible(w.Value), visible(g.Value); w != g {
			t.Fatalf("got %q, want %q", g, w)
		}
	}
}
