package ingest

import (
	"fmt"
	"strings"
	"time"
)

const secondsPerDay = 24 * 60 * 60

// The reasons why a text is no time.
const (
	badForm      = "is not a time; use the form 2025-11-08T09:00:00Z, 2025-11-08 09:00:00, 2025-11-08, 31/12/2025 09:00, or Unix time in s, ms, µs or ns"
	badDate      = "is not on the calendar"
	badClock     = "is not on the clock; hours are 0 to 23, minutes and seconds 00 to 59"
	badNoon      = "is not on the clock; hours with AM or PM are 1 to 12"
	leapSecond   = "has second 60; leap seconds are not counted, use second 59 or the next minute"
	badOffset    = "has a bad offset from UTC; use Z or the form +01:00"
	namedZone    = "names a time zone; use Z, UTC, GMT or an offset such as +01:00, since names such as EST have several meanings"
	shortYear    = "has a year of two digits; write all four"
	badNumber    = "is a number but not a time; Unix time has 10 digits (s), 13 (ms), 16 (µs) or 19 (ns), a date has 8, 12 or 14 (20251108, 202511080900, 20251108090000)"
	dayNumber    = "looks like a day number of a spreadsheet; format the column as a date"
	badExponent  = "is a number that a spreadsheet may have rounded; format the column as a number without exponent"
	badFraction  = "has digits behind a date without seconds"
	looseClock   = "has something behind the date that is no time of day; use the form 09:00 or 09:00:00"
	bareZoneName = "has the name of a zone in brackets without an offset before it; use an offset such as +01:00"
)

// instant is a moment in Unix time.
type instant struct{ sec, nsec int64 }

func (t instant) time() time.Time { return time.Unix(t.sec, t.nsec).UTC() }

func (t instant) before(u instant) bool {
	return t.sec < u.sec || t.sec == u.sec && t.nsec < u.nsec
}

// timeForm is a set of forms of time stamps.
type timeForm uint16

const (
	zonedForm   timeForm = 1 << iota // year first, with a zone
	localForm                        // year first, without
	dateForm                         // year first, no time of day
	numericForm                      // a date with numbers, whose order must be known
	compactForm                      // 8, 12 or 14 digits
	unixS
	unixMS
	unixUS
	unixNS

	unixForms = unixS | unixMS | unixUS | unixNS
)

// names returns what ReadAs calls the forms of a set.
func (f timeForm) names() (names []string) {
	for i, name := range []string{
		"iso_zoned", "iso_local", "iso_date", "numeric", "compact", "unix_s", "unix_ms", "unix_us", "unix_ns",
	} {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// timeStamp is a time stamp as it was read.
type timeStamp struct {
	instant
	form timeForm
	// local means that it has no zone, naive that it has a time of day though,
	// and clocks what the clocks of the zone that it was read in did then.
	local, naive bool
	clocks       clocks
}

// wall is what a calendar and a clock show.
type wall struct {
	year, month, day     int
	hour, minute, second int
	nsec                 int64
}

// parseTime reads a time in one of the forms of the package comment, but for
// dates with numbers, whose order it does not know: these are badForm. It
// returns what is wrong, or "".
func parseTime(s string, z *zone) (timeStamp, string) {
	n, rest := digits(s)
	switch {
	case n == 0:
		return timeStamp{}, badForm
	case n == 4 && isMark(rest):
		return parseYearFirst(s, z)
	case rest == "" || strings.IndexByte(".,eE", rest[0]) >= 0 && !isNumeric(s):
		return parseNumber(s, n, z)
	}
	return timeStamp{}, badForm
}

// isMark reports whether s begins with a mark that stands between the parts of
// a date.
func isMark(s string) bool { return s != "" && (s[0] == '-' || s[0] == '/' || s[0] == '.') }

// isNumeric reports whether s begins as a date with numbers does.
func isNumeric(s string) bool {
	_, ok := parseNumbers(s)
	return ok
}

// parseYearFirst reads a date such as 2025-11-08, 2025/11/8 or 2025.11.8, and
// what follows it. Four digits and a mark come first.
func parseYearFirst(s string, z *zone) (timeStamp, string) {
	mark := s[4]
	w := wall{year: two(s[0], s[1])*100 + two(s[2], s[3])}
	w.month, s = oneOrTwo(s[5:])
	if s == "" || s[0] != mark {
		return timeStamp{}, badForm
	}
	w.day, s = oneOrTwo(s[1:])
	if w.month == notDigits || w.day == notDigits || s != "" && s[0]-'0' <= 9 {
		return timeStamp{}, badForm
	}
	if !w.onCalendar() {
		return timeStamp{}, badDate
	}
	t, wrong := w.parseRest(s, z)
	switch {
	case s == "":
		t.form = dateForm
	case t.naive:
		t.form = localForm
	default:
		t.form = zonedForm
	}
	return t, wrong
}

func (w *wall) onCalendar() bool {
	return w.month >= 1 && w.month <= 12 && w.day >= 1 && w.day <= daysIn(w.year, w.month)
}

// parseRest reads what follows a date: nothing, or a time of day and perhaps a
// zone.
func (w *wall) parseRest(s string, z *zone) (timeStamp, string) {
	if s == "" {
		return w.in(z), ""
	}
	rest, reason := w.parseClock(s)
	if reason != "" {
		return timeStamp{}, reason
	}
	return w.parseZone(rest, z)
}

// parseClock reads a separator and the time of day and returns what follows.
func (w *wall) parseClock(s string) (rest, reason string) {
	if s[0] != 'T' && s[0] != 't' && s[0] != ' ' {
		return "", looseClock
	}
	if s[0] == ' ' {
		s = strings.TrimLeft(s, " ")
	} else {
		s = s[1:]
	}
	w.hour, s = oneOrTwo(s)
	if len(s) < len(":04") || s[0] != ':' {
		return "", looseClock
	}
	w.minute, rest = two(s[1], s[2]), s[len(":04"):]
	if len(rest) >= len(":05") && rest[0] == ':' {
		w.second = two(rest[1], rest[2])
		rest = rest[len(":05"):]
		if rest != "" && (rest[0] == '.' || rest[0] == ',') {
			w.nsec, rest = fraction(rest[1:])
		}
	}
	if w.hour >= notDigits || w.minute >= notDigits || w.second >= notDigits || w.nsec < 0 {
		return "", looseClock
	}
	rest, reason = w.parseNoon(rest)
	switch {
	case reason != "":
		return "", reason
	case w.second == 60:
		return "", leapSecond
	case w.hour > 23 || w.minute > 59 || w.second > 59:
		return "", badClock
	}
	return rest, ""
}

// parseNoon reads AM or PM, if one follows.
func (w *wall) parseNoon(s string) (rest, reason string) {
	half := strings.TrimLeft(s, " ")
	if len(half) < 2 || half[1]|0x20 != 'm' || half[0]|0x20 != 'a' && half[0]|0x20 != 'p' {
		return s, ""
	}
	if w.hour < 1 || w.hour > 12 {
		return "", badNoon
	}
	w.hour %= 12
	if half[0]|0x20 == 'p' {
		w.hour += 12
	}
	return half[2:], ""
}

// fraction reads digits after a decimal point as nanoseconds; -1 if there
// are none.
func fraction(s string) (nsec int64, rest string) {
	n, unit := 0, int64(time.Second)
	for n < len(s) && s[n]-'0' <= 9 {
		unit /= 10
		nsec += int64(s[n]-'0') * unit
		n++
	}
	if n == 0 {
		return -1, s
	}
	return nsec, s[n:]
}

// parseZone reads the zone and returns the moment.
func (w *wall) parseZone(s string, z *zone) (timeStamp, string) {
	s = strings.TrimLeft(s, " ")
	if s == "" {
		t := w.in(z)
		t.naive = true
		return t, ""
	}
	offset, rest, reason := parseOffset(s)
	if reason != "" {
		return timeStamp{}, reason
	}
	if rest != "" && !isZoneName(rest) {
		return timeStamp{}, badOffset
	}
	t := w.utc()
	t.sec -= offset
	return timeStamp{instant: t}, ""
}

// parseOffset reads Z, UTC, GMT or an offset from UTC, in seconds, and returns
// what follows.
func parseOffset(s string) (offset int64, rest, reason string) {
	switch c := s[0]; {
	case c == '+' || c == '-':
		return parseDigits(s)
	case c == '[':
		return 0, "", bareZoneName
	case len(s) >= 3 && (strings.EqualFold(s[:3], "UTC") || strings.EqualFold(s[:3], "GMT")):
		return 0, s[3:], ""
	case (c == 'Z' || c == 'z') && (len(s) == 1 || s[1] == '['):
		return 0, s[1:], ""
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return 0, "", namedZone
	}
	return 0, "", looseClock
}

// parseDigits reads an offset such as +01, +0100 or +01:00.
func parseDigits(s string) (offset int64, rest, reason string) {
	sign, digit := s[0], s[1:]
	n, rest := digits(digit)
	hours, minutes := notDigits, 0
	switch {
	case n == 2 && len(rest) >= len(":00") && rest[0] == ':':
		hours, minutes, rest = two(digit[0], digit[1]), two(rest[1], rest[2]), rest[len(":00"):]
	case n == 2:
		hours = two(digit[0], digit[1])
	case n == 4:
		hours, minutes = two(digit[0], digit[1]), two(digit[2], digit[3])
	}
	if hours > 23 || minutes > 59 {
		return 0, "", badOffset
	}
	offset = int64(hours*3600 + minutes*60)
	if sign == '-' {
		offset = -offset
	}
	return offset, rest, ""
}

// isZoneName reports whether s is the name of a zone in brackets, which
// repeats in words what the offset before it says.
func isZoneName(s string) bool {
	if len(s) < len("[X]") || s[0] != '[' || s[len(s)-1] != ']' {
		return false
	}
	return strings.IndexFunc(s[1:len(s)-1], func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("/_+-:", c)
	}) < 0
}

// in returns the moment at which clocks in a zone show w.
func (w *wall) in(z *zone) timeStamp {
	t := w.utc()
	sec, c := z.at(t.sec)
	return timeStamp{instant: instant{sec, t.nsec}, local: true, clocks: c}
}

func (w *wall) utc() instant {
	days := int64(daysBefore(w.year) + daysBeforeMonth(w.year, w.month) + w.day - 1)
	return instant{days*secondsPerDay + int64(w.hour*3600+w.minute*60+w.second), w.nsec}
}

// daysBefore returns the days from 1970-01-01 to the first of a year from 0
// to 9999.
func daysBefore(year int) int {
	y := uint(year + 399) // years from -399 to the one before, which has no sign
	return int(y*365+y/4-y/100+y/400) - 865_259
}

func daysBeforeMonth(year, month int) int {
	days := (367*month - 362) / 12
	switch {
	case month <= 2:
		return days
	case isLeap(year):
		return days - 1
	}
	return days - 2
}

func daysIn(year, month int) int {
	switch {
	case month != 2:
		return 30 + (month^month>>3)&1
	case isLeap(year):
		return 29
	}
	return 28
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// notDigits is more than any two digits make, alone or times 100.
const notDigits = 10_000

// two returns the number of two digits, or notDigits.
func two(tens, ones byte) int {
	tens, ones = tens-'0', ones-'0'
	if tens > 9 || ones > 9 {
		return notDigits
	}
	return int(tens)*10 + int(ones)
}

// unitOf returns a message part: what a Unix time of a form counts.
func unitOf(form timeForm) string {
	return map[timeForm]string{unixS: "seconds", unixMS: "milliseconds", unixUS: "microseconds", unixNS: "nanoseconds"}[form]
}

// otherUnit says that a Unix time is not in the unit of those before.
func otherUnit(form, unit timeForm, line int64) string {
	return fmt.Sprintf("has the digits of Unix time in %s, but the one on line %d counts %s; a file has one unit", unitOf(form), line, unitOf(unit))
}
