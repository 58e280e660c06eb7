package ingest

import "time"

const secondsPerDay = 24 * 60 * 60

// The reasons why a text is no time.
const (
	badForm    = "is not a time; use the form 2025-11-08T09:00:00Z, 2025-11-08 09:00:00, 2025-11-08, 31/12/2025 09:00, or Unix time in s, ms, µs or ns"
	badDate    = "is not on the calendar"
	badClock   = "is not on the clock; hours are 00 to 23, minutes and seconds 00 to 59"
	leapSecond = "has second 60; leap seconds are not counted, use second 59 or the next minute"
	badOffset  = "has a bad offset from UTC; use Z or the form +01:00"
)

// instant is a moment in Unix time.
type instant struct{ sec, nsec int64 }

func (t instant) time() time.Time { return time.Unix(t.sec, t.nsec).UTC() }

func (t instant) before(u instant) bool {
	return t.sec < u.sec || t.sec == u.sec && t.nsec < u.nsec
}

// wall is what a calendar and a clock show.
type wall struct {
	year, month, day     int
	hour, minute, second int
	nsec                 int64
}

// parseTime reads a time in one of the forms of the package comment, but for
// dates with numbers, whose order it does not know. It
// returns what is wrong, or "".
func parseTime(s string, zone *time.Location) (instant, string) {
	if len(s) < len("2006-01-02") || s[4] != '-' {
		return parseUnix(s)
	}
	w := wall{year: two(s[0], s[1])*100 + two(s[2], s[3]), month: two(s[5], s[6]), day: two(s[8], s[9])}
	if s[7] != '-' || w.year > 9999 || w.month >= notDigits || w.day >= notDigits {
		return instant{}, badForm
	}
	if w.month < 1 || w.month > 12 || w.day < 1 || w.day > daysIn(w.year, w.month) {
		return instant{}, badDate
	}
	if len(s) == len("2006-01-02") {
		return w.in(zone), ""
	}
	rest, reason := w.parseClock(s[len("2006-01-02"):])
	if reason != "" {
		return instant{}, reason
	}
	return w.parseZone(rest, zone)
}

// parseClock reads a separator and the time of day and returns what follows.
func (w *wall) parseClock(s string) (rest, reason string) {
	if len(s) < len("T15:04") || s[0] != 'T' && s[0] != ' ' && s[0] != 't' || s[3] != ':' {
		return "", badForm
	}
	w.hour, w.minute = two(s[1], s[2]), two(s[4], s[5])
	rest = s[len("T15:04"):]
	if len(rest) >= len(":05") && rest[0] == ':' {
		w.second = two(rest[1], rest[2])
		rest = rest[len(":05"):]
		if rest != "" && (rest[0] == '.' || rest[0] == ',') {
			w.nsec, rest = fraction(rest[1:])
		}
	}
	switch {
	case w.hour >= notDigits || w.minute >= notDigits || w.second >= notDigits || w.nsec < 0:
		return "", badForm
	case w.second == 60:
		return "", leapSecond
	case w.hour > 23 || w.minute > 59 || w.second > 59:
		return "", badClock
	}
	return rest, ""
}

// fraction reads digits behind a decimal point as nanoseconds; -1 if there
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
func (w *wall) parseZone(s string, zone *time.Location) (instant, string) {
	switch {
	case s == "":
		return w.in(zone), ""
	case s == "Z" || s == "z":
		return w.utc(), ""
	case s[0] != '+' && s[0] != '-':
		return instant{}, badForm
	}
	var hours, minutes int
	switch len(s) {
	case len("+01"):
		hours = two(s[1], s[2])
	case len("+0100"):
		hours, minutes = two(s[1], s[2]), two(s[3], s[4])
	case len("+01:00"):
		hours, minutes = two(s[1], s[2]), two(s[4], s[5])
	default:
		return instant{}, badOffset
	}
	if hours > 23 || minutes > 59 || len(s) == len("+01:00") && s[3] != ':' {
		return instant{}, badOffset
	}
	offset := int64(hours*3600 + minutes*60)
	if s[0] == '-' {
		offset = -offset
	}
	t := w.utc()
	t.sec -= offset
	return t, ""
}

// in returns the moment at which clocks in zone show w.
func (w *wall) in(zone *time.Location) instant {
	if zone == time.UTC {
		return w.utc()
	}
	t := time.Date(w.year, time.Month(w.month), w.day, w.hour, w.minute, w.second, int(w.nsec), zone)
	return instant{t.Unix(), w.nsec}
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

// parseUnix reads a Unix time.
func parseUnix(s string) (instant, string) {
	n, digits := uint64(0), 0
	for digits < min(len(s), 19) && s[digits]-'0' <= 9 {
		n = n*10 + uint64(s[digits]-'0')
		digits++
	}
	rest := s[digits:]
	switch {
	case digits == 0:
		return instant{}, badForm
	case rest == "":
		unit := unixUnit(n)
		return instant{int64(n / unit), int64(n % unit * (1e9 / unit))}, ""
	case unixUnit(n) > 1 || rest[0] != '.' && rest[0] != ',':
		return instant{}, badForm
	}
	nsec, rest := fraction(rest[1:])
	if nsec < 0 || rest != "" {
		return instant{}, badForm
	}
	return instant{int64(n), nsec}, ""
}

// unixUnit returns how many of the units that a Unix time counts make a
// second.
func unixUnit(n uint64) uint64 {
	switch {
	case n < 1e11:
		return 1
	case n < 1e14:
		return 1e3
	case n < 1e17:
		return 1e6
	}
	return 1e9
}
