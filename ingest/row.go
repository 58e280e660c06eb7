package ingest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

func instantOf(t time.Time) instant { return instant{t.Unix(), int64(t.Nanosecond())} }

// rowCSV makes an event of the row that was scanned, or rejects it.
func (r *Reader) rowCSV(sh shape, e *metrics.Event) bool {
	r.rows++
	if sh != row || r.fields > r.cols.width {
		r.rejectRow(sh)
		return false
	}
	if r.cols.repair {
		for i, v := range r.vals {
			r.vals[i] = unprotect(v)
		}
	}
	if !r.plain || r.length > r.opts.Limits.FieldBytes {
		if !r.checkText() {
			return false
		}
	}
	if !r.checkPresent() {
		return false
	}
	for k, i := range r.cols.fields {
		e.Fields[k].Value = r.vals[r.cols.columns[i]]
	}
	e.ID = ""
	if r.cols.id >= 0 {
		e.ID = r.val(r.cols.id)
	}
	e.Type = r.val(r.cols.typ)
	return r.finish(e, r.cols.time, r.val(r.cols.time))
}

// val returns the value of the i-th column of the layout.
func (r *Reader) val(i int) string { return r.vals[r.cols.columns[i]] }

// checkText looks for values that are too long or no text.
func (r *Reader) checkText() bool {
	for i := range r.cols.names {
		v := r.val(i)
		if what := badEncoding(v); what != "" {
			r.reject(BadEncoding, i, r.cols.names[i]+" "+what)
			return false
		}
		if limit := r.opts.Limits.FieldBytes; len(v) > limit {
			r.reject(TooLong, i, fmt.Sprintf("%s has %d bytes; the limit is %d", r.cols.names[i], len(v), limit))
			return false
		}
	}
	return true
}

// checkPresent trims the values of the schema's columns and looks for empty
// ones.
func (r *Reader) checkPresent() bool {
	for _, i := range r.cols.checked {
		v := &r.vals[r.cols.columns[i]]
		if n := len(*v); n > 0 && ((*v)[0] <= ' ' || (*v)[n-1] <= ' ') {
			*v = trim(*v)
		}
		if *v == "" && r.cols.roles[i].required {
			r.reject(MissingValue, i, r.cols.names[i]+" is missing")
			return false
		}
	}
	return true
}

// finish checks what CSV and NDJSON have in common and sets Row and Time.
// Column is that of the time.
func (r *Reader) finish(e *metrics.Event, column int, stamp string) bool {
	t, wrong := r.stampTime(stamp)
	if r.err != nil {
		return false
	}
	if wrong != "" {
		r.reject(BadTimestamp, column, r.record[column].Name+" "+wrong)
		return false
	}
	if t.before(r.window[0]) || r.window[1].before(t) {
		r.reject(OutOfWindow, column, r.record[column].Name+" "+r.windowMessage(t))
		return false
	}
	e.Row, e.Time = r.rows, t.time()
	if limit := r.opts.Limits.Rows; r.rows > limit {
		r.reject(TooManyRows, -1, fmt.Sprintf("the input has more than %d rows", limit))
		return false
	}
	if !r.checkRules(e, stamp) {
		return false
	}
	if err := r.accept(e); err != nil {
		r.reject(codeOf(err), -1, err.Error())
		return false
	}
	r.warn(e, stamp)
	return true
}

func (r *Reader) accept(e *metrics.Event) error {
	if r.opts.Accept == nil {
		return nil
	}
	return r.opts.Accept(e)
}

func (r *Reader) windowMessage(t instant) string {
	side, border := "before", r.window[0]
	if r.window[1].before(t) {
		side, border = "after", r.window[1]
	}
	return fmt.Sprintf("is %s, %s %s", t.time().Format(time.RFC3339), side, border.time().Format(time.RFC3339))
}

func codeOf(err error) Code {
	switch {
	case errors.Is(err, metrics.ErrTooManyTypes):
		return TooManyEventTypes
	case errors.Is(err, metrics.ErrTooManyDays):
		return TooManyDays
	case errors.Is(err, metrics.ErrTooManyCells):
		return TooManyCells
	}
	return Rejected
}

// rejectRow rejects a row whose values are not known one by one.
func (r *Reader) rejectRow(sh shape) {
	line, _ := r.firstLine()
	line = trimCR(line, r.eol)
	code, message := BadQuotes, "a quote does not close, or stands where none may; put the value in quotes and double those inside"
	switch sh {
	case tooLong:
		code, message = RowTooLong, fmt.Sprintf("the row has more than %d bytes", r.rowBytes)
	case row:
		code, message = TooManyFields, fmt.Sprintf("the row has %d fields, the header %d", r.fields, r.cols.width)
		r.split(line)
	}
	r.rejectValue(code, "", line, message, r.recordCSV(sh))
}

// reject rejects the row for the i-th column of the record, or -1.
func (r *Reader) reject(code Code, i int, message string) {
	column, value := "", ""
	record := r.record
	if r.opts.Format == CSV {
		record = r.recordCSV(row)
	}
	if i >= 0 {
		column, value = record[i].Name, record[i].Value
	}
	r.rejectValue(code, column, value, message, record)
}

func (r *Reader) recordCSV(sh shape) []metrics.Field {
	if sh == tooLong && r.length > r.rowBytes {
		return nil
	}
	for i := range r.record {
		r.record[i].Value = r.val(i)
	}
	return r.record
}

func (r *Reader) rejectValue(code Code, column, value, message string, record []metrics.Field) {
	r.rejected++
	if r.opts.Reject == nil {
		return
	}
	err := r.opts.Reject(&RowError{
		Row: r.rows, Line: r.line, Column: strings.Clone(column), Code: code,
		Value: shorten(value), Message: message, Record: record,
	})
	if err != nil {
		r.err = err
	}
}
