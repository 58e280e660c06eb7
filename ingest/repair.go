package ingest

import (
	"slices"
	"strconv"
	"strings"
)

// repairNames are the columns that a RepairWriter adds.
func repairNames() []string {
	return []string{"_row", "_line", "_column", "_code", "_message"}
}

func isRepair(names []string) bool {
	return !slices.ContainsFunc(repairNames(), func(name string) bool { return indexName(names, name) < 0 })
}

func isRepairName(name string) bool { return slices.Contains(repairNames(), ColumnName(name)) }

// RepairWriter writes rejected rows as CSV, to be corrected and uploaded again:
// their columns, then _row, _line, _column, _code and _message. A [Reader] skips
// these five columns.
//
// A value is protected against formulas of spreadsheets: where a cell may begin,
// at its start and after each ; tab | CR and LF, it gets an apostrophe if one of
// = + - @ tab CR or a full-width ＝ ＋ － ＠ follows, apart from apostrophes, quotes
// and spaces. For a spreadsheet may split lines at another delimiter than ours, and
// then quotes protect nothing. The Reader removes these apostrophes. So a row that
// was not changed is read again as it was, except that values that were too long
// are shortened. Bytes that are not UTF-8 are written as they are.
//
// A RepairWriter is immutable and safe for concurrent use.
type RepairWriter struct {
	columns []string
}

// NewRepairWriter returns a RepairWriter for rows with these columns: those of
// [Reader.Columns], or of [Schema.Columns] for NDJSON. Columns with one of
// the five names above are skipped.
func NewRepairWriter(columns []string) *RepairWriter {
	return &RepairWriter{slices.DeleteFunc(slices.Clone(columns), isRepairName)}
}

// AppendHeader appends the header line to b.
func (w *RepairWriter) AppendHeader(b []byte) []byte {
	for _, name := range w.columns {
		b = append(AppendCell(b, name), ',')
	}
	return append(append(b, strings.Join(repairNames(), ",")...), '\n')
}

// AppendRow appends the line of a rejected row to b. Members of its Record that
// are no column of the writer are skipped.
func (w *RepairWriter) AppendRow(b []byte, e *RowError) []byte {
	for i, name := range w.columns {
		b = append(AppendCell(b, e.recorded(i, name)), ',')
	}
	b = append(strconv.AppendInt(b, e.Row, 10), ',')
	b = append(strconv.AppendInt(b, e.Line, 10), ',')
	b = append(AppendCell(b, e.Column), ',')
	b = append(AppendCell(b, string(e.Code)), ',')
	return append(AppendCell(b, e.Message), '\n')
}

// recorded returns the value of a column, which is the i-th in CSV.
func (e *RowError) recorded(i int, name string) string {
	if i < len(e.Record) && e.Record[i].Name == name {
		return e.Record[i].Value
	}
	for _, f := range e.Record {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// AppendCell appends a value of a CSV line, in quotes if they are needed, and
// protected against formulas of spreadsheets.
func AppendCell(b []byte, s string) []byte {
	safe := protect(s)
	if !strings.ContainsAny(safe, ",;\t|\"\r\n") && s == trim(s) {
		return append(b, safe...)
	}
	b = append(b, '"')
	for i := range len(safe) {
		switch {
		case safe[i] == '"':
			b = append(b, '"')
		case safe[i] == '\r' && i+1 < len(safe) && safe[i+1] == '\n':
			b = append(b, '\r') // or the pair would be read as one LF
		}
		b = append(b, safe[i])
	}
	return append(b, '"')
}
