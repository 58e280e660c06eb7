package ingest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

func instantOf(t time.Time) instant { return instant{t.Unix(), int64(t.Nanosecond())} }

// rowCSV makes an event of the row that was scanned, or rejects it. A row
// without any value is a blank line.
func (r *Reader) rowCSV(sh shape, e *metrics.Event) bool {
	if sh == row && r.isEmpty() {
		return false
	}
	if sh == row && r.cols.repair {
		for i, v := range r.vals {
			r.vals[i] = unprotect(v)
		}
	}
	if sh == row && r.isHeader() {
		return false
	}
	r.rows++
	if sh != row || !r.fits(&r.scanner) {
		r.rejectRow(sh)
		return false
	}
	if !r.checkText() || !r.checkPresent() {
		r.weighDate(clean(r.val(r.cols.time)))
		return false
	}
	stamp := r.val(r.cols.time)
	for k, i := range r.cols.fields {
		e.Fields[k] = metrics.Field{Name: r.cols.names[i], Value: r.vals[r.cols.columns[i]]}
	}
	e.ID = ""
	if r.cols.id >= 0 {
		e.ID = r.val(r.cols.id)
	}
	e.Type = r.val(r.cols.typ)
	r.noteCut(len(stamp))
	return r.finish(e, r.cols.time, stamp)
}

// fits reports whether the row that s has scanned has no more fields than the
// header. One empty field more is what a delimiter at the end of each line
// makes.
func (r *Reader) fits(s *scanner) bool {
	return s.fields <= r.cols.width || s.fields == r.cols.width+1 && isBlank(s.spare)
}

// isRow reports whether a line within a value in quotes is a row by itself: it
// has as many fields as the header, a type, and a time.
func (r *Reader) isRow(line string) bool {
	switch strings.Count(line, string(rune(r.delim))) - r.cols.width {
	case -1:
	case 0: // one field more, which must be empty
		if !isBlank(line[strings.LastIndexByte(line, r.delim)+1:]) {
			return false
		}
	default:
		return false
	}
	typ, stamp := r.cols.columns[r.cols.typ], r.cols.columns[r.cols.time]
	isTime := false
	i := 0
	for v := range strings.SplitSeq(line, string(rune(r.delim))) {
		v = clean(v)
		switch {
		case i == typ && v == "":
			return false
		case i == stamp:
			isTime = r.isTime(v)
		}
		i++
	}
	return isTime
}

// isTime reports whether s is a time stamp, in whatever order its date is.
func (r *Reader) isTime(s string) bool {
	_, wrong := parseTime(s, &r.zone)
	if wrong != badForm {
		return wrong == ""
	}
	n, ok := parseNumbers(s)
	if !ok {
		return false
	}
	_, dayFirst := n.in(DayFirst, &r.zone)
	_, monthFirst := n.in(MonthFirst, &r.zone)
	return dayFirst == "" || monthFirst == ""
}

// isEmpty reports whether the row that was scanned has delimiters only.
func (r *Reader) isEmpty() bool {
	for _, v := range r.vals {
		if !isBlank(v) {
			return false
		}
	}
	if r.fits(&r.scanner) {
		return true
	}
	line, _ := r.firstLine()
	return strings.TrimFunc(line, func(c rune) bool { return c == rune(r.delim) || isInvisible(c) }) == ""
}

// isHeader reports whether the row is the header once more, as in files that
// were joined. It sets r.err if the row has the names of all required columns
// and is another header: the rows after it may have other columns.
func (r *Reader) isHeader() bool {
	if stamp := trim(r.val(r.cols.time)); stamp != "" && stamp[0]-'0' <= 9 {
		return false // the common case of rows that quick leaves
	}
	for _, name := range r.required {
		if indexName(r.vals, name) < 0 {
			return false
		}
	}
	same := r.fields == r.cols.width || r.fields == r.cols.width+1 && isBlank(r.spare)
	for i, name := range r.cols.header {
		same = same && isNamed(r.val(i), name)
	}
	if same {
		r.note(RepeatedHeader, "", "the header again: files were joined; it is not counted as a row")
		return true
	}
	r.err = &HeaderError{
		Reason: fmt.Sprintf("line %d is another header: these are two files in one", r.line),
		Found:  shortenAll(r.cols.names),
	}
	return true
}

// val returns the value of the i-th column of the layout.
func (r *Reader) val(i int) string { return r.vals[r.cols.columns[i]] }

// checkText looks for values that are too long or no text.
func (r *Reader) checkText() bool {
	if r.plain && r.length <= r.opts.Limits.FieldBytes {
		return true
	}
	for i := range r.cols.names {
		v := r.val(i)
		if what := r.badText(v); what != "" {
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

// checkPresent cleans the values and looks for those that are missing.
func (r *Reader) checkPresent() bool {
	for i := range r.cols.names {
		v := &r.vals[r.cols.columns[i]]
		*v = clean(*v)
		if i == r.cols.id && isNullID(*v) {
			*v = ""
		}
	}
	for _, i := range r.cols.checked {
		if r.val(i) == "" && r.cols.roles[i].required {
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
	if !r.inWindow(t.instant) {
		r.reject(OutOfWindow, column, r.record[column].Name+" "+r.windowMessage(t.instant))
		return false
	}
	r.foundUnit(t)
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
	r.last, r.notable, r.stamp = t, true, stamp
	r.warn(e)
	return true
}

// inWindow reports whether an event may have this time.
func (r *Reader) inWindow(t instant) bool { return !t.before(r.window[0]) && !r.window[1].before(t) }

// foundUnit notes what the first Unix time counts, as far as it is one that an
// event may have.
func (r *Reader) foundUnit(t timeStamp) {
	if r.unit == 0 && t.form&unixForms != 0 {
		r.unit, r.unitLine = t.form, r.line
	}
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
