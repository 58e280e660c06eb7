package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// ErrNoRows means that an input has nothing in it, not even a header.
var ErrNoRows = errors.New("ingest: no rows")

// Code says why a row was rejected. Except for the codes of rules, the list is
// closed; see [Codes].
type Code string

// The codes.
const (
	MissingValue      Code = "missing_value"        // a required value is empty
	BadTimestamp      Code = "bad_timestamp"        // the time stamp has no known form
	OutOfWindow       Code = "out_of_window"        // the time is before Earliest or after Latest
	TooLong           Code = "too_long"             // a value is longer than Limits.FieldBytes
	BadEncoding       Code = "bad_encoding"         // a value is not UTF-8 or has a NUL
	TooManyFields     Code = "too_many_fields"      // more fields than the header or Limits.Columns
	BadQuotes         Code = "bad_quotes"           // a quote that does not close, or stands inside a field
	RowTooLong        Code = "row_too_long"         // the row is longer than Limits.RowBytes
	BadJSON           Code = "bad_json"             // the line is not a flat JSON object
	TooManyRows       Code = "too_many_rows"        // the row comes after Limits.Rows others
	TooManyEventTypes Code = "too_many_event_types" // Accept returned metrics.ErrTooManyTypes
	TooManyDays       Code = "too_many_days"        // Accept returned metrics.ErrTooManyDays
	TooManyCells      Code = "too_many_cells"       // Accept returned metrics.ErrTooManyCells
	Rejected          Code = "rejected"             // Accept returned another error
	BrokenRule        Code = "broken_rule"          // the row breaks a Rule without a Code
)

// Codes returns all codes but those of rules.
func Codes() []Code {
	return []Code{
		MissingValue, BadTimestamp, OutOfWindow, TooLong, BadEncoding, TooManyFields, BadQuotes, RowTooLong,
		BadJSON, TooManyRows, TooManyEventTypes, TooManyDays, TooManyCells, Rejected, BrokenRule,
	}
}

// RowError describes one rejected row. All of it but Record may be kept.
type RowError struct {
	// Row is the 1-based number of the row among the data rows.
	Row int64
	// Line is the 1-based number of the line on which the row begins.
	Line int64
	// Column is the name of the invalid column, or "" if the error concerns
	// the whole row.
	Column string
	Code   Code
	// Value is the invalid value: about its first 64 bytes, with bytes that
	// are not printable escaped as in a Go string.
	Value string
	// Message describes the problem and how to fix it.
	Message string
	// Record has all columns of the row with their whole values, in the order
	// of the header; of an NDJSON row, its members as far as they could be
	// read. When the row has bad quotes or too many fields, it is split at the
	// delimiters of its first line, and the last column has all that is left.
	// It is empty when the row is too long. The slice is valid until the call
	// of Reject returns; its strings may be kept.
	Record []metrics.Field
}

// Error returns the row, the line and the message.
func (e *RowError) Error() string {
	return fmt.Sprintf("ingest: row %d (line %d): %s", e.Row, e.Line, e.Message)
}

// HeaderError means that a file cannot be read because of its header.
type HeaderError struct {
	// Missing are the names of columns that the header lacks.
	Missing []string
	// Duplicate are the names that it has more than once.
	Duplicate []string
	// Found are the names of the header, each shortened.
	Found []string
	// Guess maps missing columns to the name in Found that may be meant.
	Guess map[string]string
	// Reason says what else is wrong; "" if nothing is.
	Reason string
}

// Error names the missing and duplicate columns and the columns found.
func (e *HeaderError) Error() string {
	var parts []string
	if e.Reason != "" {
		parts = append(parts, e.Reason)
	}
	if len(e.Missing) > 0 {
		parts = append(parts, "missing "+e.missing())
	}
	if len(e.Duplicate) > 0 {
		parts = append(parts, "more than once "+strings.Join(e.Duplicate, ", "))
	}
	head := "ingest: header: " + strings.Join(parts, "; ")
	if len(e.Found) == 0 {
		return head
	}
	const show = 20
	found := strings.Join(e.Found[:min(show, len(e.Found))], ", ")
	if len(e.Found) > show {
		found += fmt.Sprintf(" and %d more", len(e.Found)-show)
	}
	return head + "; found " + found
}

func (e *HeaderError) missing() string {
	names := make([]string, len(e.Missing))
	for i, name := range e.Missing {
		names[i] = name
		if guess := e.Guess[name]; guess != "" {
			names[i] += fmt.Sprintf(" (is it %q?)", guess)
		}
	}
	return strings.Join(names, ", ")
}

// shorten returns about the first 64 bytes of s in a form that is safe to
// print, and that shares no memory with s.
func shorten(s string) string {
	const limit = 64
	cut := s
	if len(s) > limit {
		cut = s[:limit]
		for i := 1; i < utf8.UTFMax && !utf8.RuneStart(s[len(cut)]); i++ {
			cut = cut[:len(cut)-1]
		}
	}
	b := make([]byte, 0, len(cut)+3)
	for i, c := range cut {
		b = appendPrintable(b, c, cut[i])
	}
	if len(cut) < len(s) {
		b = append(b, "…"...)
	}
	return string(b)
}

// appendPrintable appends a rune, whose first byte is lead, or its escape.
func appendPrintable(b []byte, c rune, lead byte) []byte {
	switch {
	case c == utf8.RuneError && lead != 0xEF:
		return fmt.Appendf(b, `\x%02x`, lead)
	case unicode.IsPrint(c):
		return utf8.AppendRune(b, c)
	}
	quoted := strconv.QuoteRune(c)
	return append(b, quoted[1:len(quoted)-1]...)
}
