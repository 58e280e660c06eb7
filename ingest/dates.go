package ingest

import (
	"bytes"
	"fmt"
	"time"
)

// lookBytes is how much of the input is searched for a date that fits one
// order only, from the first one on that fits both.
const lookBytes = 4 << 20

// DateOrder says what comes first in dates such as 03/04/2025.
type DateOrder int

// The orders.
const (
	// FindOrder detects the order; see the package comment.
	FindOrder DateOrder = iota
	// DayFirst means that 03/04/2025 is the third of April.
	DayFirst
	// MonthFirst means that 03/04/2025 is the fourth of March.
	MonthFirst
)

// String returns auto, dmy or mdy.
func (o DateOrder) String() string {
	switch o {
	case DayFirst:
		return "dmy"
	case MonthFirst:
		return "mdy"
	}
	return "auto"
}

func (o DateOrder) opposite() DateOrder { return DayFirst + MonthFirst - o }

// Reading is what a time stamp of a file means in one order.
type Reading struct {
	Line  int64
	Value string    // about the first 64 bytes
	Time  time.Time // in Options.Zone, or UTC
}

// AmbiguousTimeError means that the order of day and month in the dates of a
// file cannot be detected: either every date fits both orders, or the file has
// dates in both. Options.DateOrder selects the order.
type AmbiguousTimeError struct {
	// Column is the name of the time stamp column.
	Column string
	// DayFirst and MonthFirst are two readings of the same value if all dates
	// that were searched fit both orders. If their lines differ, each value
	// fits one order only.
	DayFirst, MonthFirst Reading
}

// Mixed reports whether the file has dates in both orders.
func (e *AmbiguousTimeError) Mixed() bool { return e.DayFirst.Line != e.MonthFirst.Line }

// Error cites the time stamps.
func (e *AmbiguousTimeError) Error() string {
	d, m := &e.DayFirst, &e.MonthFirst
	if e.Mixed() {
		return fmt.Sprintf("ingest: %s has the day first on line %d (%q) and the month first on line %d (%q)",
			e.Column, d.Line, d.Value, m.Line, m.Value)
	}
	const date = "2 January 2006"
	return fmt.Sprintf("ingest: %s %q on line %d may be %s or %s, and no later date settles the order",
		e.Column, d.Value, d.Line, d.Time.Format(date), m.Time.Format(date))
}

// numbers is a date written with numbers, the year last, and what follows.
type numbers struct {
	first, second, year int
	rest                string
}

// parseNumbers reads a date such as 3/4/2025, 03.04.2025 or 03-04-2025.
func parseNumbers(s string) (n numbers, ok bool) {
	n.first, s = oneOrTwo(s)
	if s == "" || s[0] != '/' && s[0] != '.' && s[0] != '-' {
		return n, false
	}
	mark := s[0]
	n.second, s = oneOrTwo(s[1:])
	if len(s) < len("/2006") || s[0] != mark {
		return n, false
	}
	n.year, n.rest = two(s[1], s[2])*100+two(s[3], s[4]), s[len("/2006"):]
	return n, n.first != notDigits && n.second != notDigits && n.year <= 9999
}

// oneOrTwo reads a number of one or two digits; notDigits if there is none.
func oneOrTwo(s string) (n int, rest string) {
	switch n, _ := digits(s[:min(len(s), 2)]); n {
	case 1:
		return two('0', s[0]), s[1:]
	case 2:
		return two(s[0], s[1]), s[2:]
	}
	return notDigits, s
}

// hasShortYear reports whether s begins as a date with numbers does, but with
// a year of two digits.
func hasShortYear(s string) bool {
	first, s := oneOrTwo(s)
	if first == notDigits || !isMark(s) {
		return false
	}
	mark := s[0]
	second, s := oneOrTwo(s[1:])
	if second == notDigits || s == "" || s[0] != mark {
		return false
	}
	n, _ := digits(s[1:])
	return n == 2
}

// date returns the day that n means in an order.
func (n numbers) date(order DateOrder) wall {
	if order == MonthFirst {
		return wall{year: n.year, month: n.first, day: n.second}
	}
	return wall{year: n.year, month: n.second, day: n.first}
}

// in returns the moment that n means in an order, and what is wrong, or "".
func (n numbers) in(order DateOrder, z *zone) (timeStamp, string) {
	w := n.date(order)
	switch {
	case !w.onCalendar() && order == DayFirst && n.second > 12:
		return timeStamp{}, monthTooBig + " with the day first"
	case !w.onCalendar() && order == MonthFirst && n.first > 12:
		return timeStamp{}, monthTooBig + " with the month first"
	case !w.onCalendar():
		return timeStamp{}, badDate
	}
	t, wrong := w.parseRest(n.rest, z)
	t.form = numericForm
	return t, wrong
}

// monthTooBig is a reason why a date is none.
const monthTooBig = "has a month above 12"

// only returns the one order that the date of n fits, or FindOrder if it fits
// both or none. What follows the date makes no difference.
func (n numbers) only() (DateOrder, instant) {
	day, month := n.date(DayFirst), n.date(MonthFirst)
	switch {
	case day.onCalendar() && !month.onCalendar():
		return DayFirst, day.utc()
	case !day.onCalendar() && month.onCalendar():
		return MonthFirst, month.utc()
	}
	return FindOrder, instant{}
}

// stampTime reads a time stamp in any form. It returns what is wrong, or "". It
// sets r.err when the order of its date is ambiguous.
func (r *Reader) stampTime(s string) (timeStamp, string) {
	t, wrong := parseTime(s, &r.zone)
	switch {
	case wrong == badForm:
		return r.numericTime(s)
	case wrong == "" && r.isOtherUnit(t):
		return t, otherUnit(t.form, r.unit, r.unitLine)
	}
	return t, wrong
}

// isOtherUnit reports whether t is a Unix time in another unit than those
// before.
func (r *Reader) isOtherUnit(t timeStamp) bool {
	return t.form&unixForms != 0 && r.unit != 0 && t.form != r.unit
}

// numericTime reads a date with numbers. It returns what is wrong, or "".
func (r *Reader) numericTime(s string) (timeStamp, string) {
	n, ok := parseNumbers(s)
	if !ok {
		if hasShortYear(s) {
			return timeStamp{}, shortYear
		}
		return timeStamp{}, badForm
	}
	if r.weighDate(s); r.err != nil {
		return timeStamp{}, ""
	}
	if r.order != FindOrder {
		return n.in(r.order, &r.zone)
	}
	t, wrong := n.in(DayFirst, &r.zone)
	if other, _ := n.in(MonthFirst, &r.zone); wrong != "" || t == other {
		return t, wrong
	}
	if r.err = r.lookAhead(n, s); r.err != nil {
		return t, ""
	}
	return n.in(r.order, &r.zone)
}

// weighDate notes the order of dates if a time stamp tells it, in a row that is
// rejected for another reason too. It sets r.err when another time stamp tells
// the other order.
func (r *Reader) weighDate(s string) {
	n, ok := parseNumbers(s)
	if !ok || r.opts.DateOrder != FindOrder {
		return
	}
	if order, moment := n.only(); order != FindOrder {
		if err := r.found(order, Reading{r.line, shorten(s), moment.time()}); err != nil {
			r.err = err
		}
	}
}

// found records the order of a time stamp that fits only one. Errors:
// *AmbiguousTimeError if another one was found before.
func (r *Reader) found(order DateOrder, by Reading) error {
	switch r.order {
	case FindOrder:
		r.order, r.evidence = order, by
	case order.opposite():
		e := &AmbiguousTimeError{r.stampName(), r.evidence, by}
		if order == DayFirst {
			e.DayFirst, e.MonthFirst = by, r.evidence
		}
		return e
	}
	return nil
}

// stampName returns the name of the column of time stamps.
func (r *Reader) stampName() string { return r.opts.Schema.Time }

// lookAhead finds the order in what comes from the row at pos on, which stays
// to be read. That row's time stamp s fits both. Errors: *AmbiguousTimeError,
// and those of the input.
func (r *Reader) lookAhead(n numbers, s string) error {
	window := make([]byte, lookBytes)
	have := copy(window, r.buf[r.pos:r.end])
	var err error
	if !r.drained() && have < lookBytes {
		more := window[have:]
		var m int
		m, err = readFull(r.source.in, more)
		r.source.in = &replay{head: more[:m], err: err, in: r.source.in}
		have += m
	}
	ahead := r.scanner
	ahead.source = source{in: bytes.NewReader(window[:have]), eol: r.eol, chunk: r.chunk, maxChunk: r.maxChunk}
	ahead.vals = make([]string, len(r.vals))
	for r.order == FindOrder {
		sh := ahead.scan()
		cut := have == lookBytes && ahead.eof && ahead.after == ahead.end
		if sh == noRow || cut {
			break
		}
		if stamp, ok := r.stampIn(&ahead, sh); ok {
			r.weigh(stamp, ahead.line)
		}
		ahead.advance()
	}
	switch {
	case r.order != FindOrder:
		return nil
	case err != nil && !isEOF(err):
		return err
	}
	day, _ := n.in(DayFirst, &r.zone)
	month, _ := n.in(MonthFirst, &r.zone)
	short := shorten(s)
	return &AmbiguousTimeError{r.stampName(), Reading{r.line, short, day.time().In(r.zone.location)}, Reading{r.line, short, month.time().In(r.zone.location)}}
}

func (r *Reader) weigh(stamp string, line int64) {
	n, ok := parseNumbers(stamp)
	if !ok {
		return
	}
	if order, t := n.only(); order != FindOrder {
		r.order, r.evidence = order, Reading{line, shorten(stamp), t.time()}
	}
}

// stampIn returns the time stamp of the row that was scanned ahead, if it has
// one.
func (r *Reader) stampIn(ahead *scanner, sh shape) (string, bool) {
	if sh != row {
		return "", false
	}
	if r.opts.Format == CSV {
		stamp := ahead.vals[r.cols.columns[r.cols.time]]
		if r.cols.repair {
			stamp = unprotect(stamp)
		}
		return trim(stamp), r.fits(ahead)
	}
	if !r.isText(ahead.vals[0]) {
		return "", false // rowJSON does not parse it either
	}
	j := jsonRow{schema: r.opts.Schema, maxMembers: r.opts.Limits.Columns}
	if j.parse(ahead.vals[0]) != "" {
		return "", false
	}
	for i := range j.members {
		if j.columns[i].role == timeMember {
			return trim(j.members[i].Value), true
		}
	}
	return "", false
}
