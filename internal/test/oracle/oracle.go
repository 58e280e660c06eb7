// Package oracle reads files of events by the documented rules of package
// ingest, slowly and simply, so that tests can compare the two readers. It
// shares no code with package ingest: it has the whole input in memory, and
// uses encoding/csv, encoding/json, package time and math/big.
package oracle

import (
	"errors"
	"time"
)

// Options are what package ingest has in its Options, Schema and Limits. All
// of them must be set; there are no defaults.
type Options struct {
	NDJSON   bool
	Encoding string // "" detects UTF-8 and UTF-16; else a name of x/text

	EventType, Time, EventID string
	Required                 []string
	Rules                    []Rule

	Zone             *time.Location // nil means UTC
	Order            string         // "", "dmy" or "mdy"
	Earliest, Latest time.Time

	FieldBytes, Columns, RowBytes int
	Rows                          int64
}

// Rule is a check of the values of one column.
type Rule struct {
	Column    string
	Required  bool
	Pattern   string
	Enum      []string
	Min, Max  *float64
	MaxLength int
	Warn      bool
	Code      string
}

// Result is all that the rules say of an input.
type Result struct {
	Rows     []Row
	Rejected []Rejection
	Warnings []Warning
	ReadAs   ReadAs
	Err      Failure
	// Missing and Duplicate are names of columns if Err is BadHeader and the
	// header is known.
	Missing, Duplicate []string
}

// Row is an accepted row.
type Row struct {
	Row, Line int64
	ID, Type  string
	Time      time.Time
	Fields    []Field
}

// Field is the name and the value of a column.
type Field struct{ Name, Value string }

// Rejection is a rejected row.
type Rejection struct {
	Row, Line    int64
	Code, Column string
}

// Warning counts what is suspicious.
type Warning struct {
	Code  string
	Count int64
	Line  int64 // the first
}

// ReadAs says how the input was understood.
type ReadAs struct {
	Format, Delimiter, Encoding, DateOrder, TimeZone string
	TimeForms                                        []string
	SkippedLines, HeaderLine                         int64
}

// Failure is why reading ends before the end of the input.
type Failure string

// The failures.
const (
	NoFailure     Failure = ""
	NoRows        Failure = "no rows"
	OtherFormat   Failure = "other format"
	BadHeader     Failure = "bad header"
	AmbiguousTime Failure = "ambiguous time"
	MixedTime     Failure = "mixed time"
)

// errStop ends reading; Result.Err says why.
var errStop = errors.New("stop")

// Read reads an input. Rows of the result are those before a failure.
func Read(input []byte, opts *Options) *Result {
	r := &reader{Options: opts, result: &Result{}, another: -1}
	r.text, r.result.ReadAs.Encoding = decode(input, opts.Encoding)
	if otherFormat(input, opts.NDJSON) {
		r.result.Err = OtherFormat
	} else if r.find() == nil && r.accept() == nil {
		r.warn()
	}
	return r.result
}

type reader struct {
	*Options
	text   string
	swaps  bool // CR and LF are exchanged in text
	result *Result

	header   []string // names of a CSV file as they are compared
	columns  []string // of a CSV file, as Row.Fields names them
	ignored  []bool   // columns that a RepairWriter has added
	repaired bool
	rows     []record
	another  int // the row that is another header, counted from 0; -1 if none is

	repeated Warning // header lines
	unit     string  // the unit of Unix time
	zoneless Warning
	skipped  Warning
	twice    Warning
	broken   []Warning // of each rule
	forms    map[string]bool
	naive    bool
	order    string
	stamp    string // of the last accepted row
	endless  int64  // the line of the last row if it has no end
}

// record is one row before its values are checked.
type record struct {
	row, line int64
	fields    []Field
	raw       []Field         // with values as written
	values    []string        // of CSV, as written
	nested    map[string]bool // members of NDJSON that may not be nested and are
	code      string
	column    string
	unended   bool // the input ends with it, without a line end
}

func (r *reader) fail(why Failure) error {
	r.result.Err = why
	return errStop
}

// find splits the input into rows.
func (r *reader) find() error {
	if r.NDJSON {
		r.result.ReadAs.Format = "ndjson"
		return r.findObjects()
	}
	r.result.ReadAs.Format = "csv"
	if r.swaps = endsInCR(r.text); r.swaps {
		r.text = swap(r.text)
	}
	return r.findRows()
}
