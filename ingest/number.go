package ingest

import (
	"strconv"
	"strings"
)

// maxNumber is the greatest number of digits that a time has.
const maxNumber = 19

// maxMantissa is the greatest number of digits before an exponent.
const maxMantissa = 64

// decimal is a number of up to 19 digits with a fraction.
type decimal struct {
	digits   string // of the whole number
	fraction string // without zeros at its end
}

// parseNumber reads a time that is a number, of which the first n bytes are
// digits. How many digits the whole number has tells what it is: no two forms
// have the same length.
func parseNumber(s string, n int, z *zone) (timeStamp, string) {
	d := decimal{digits: s[:n]}
	if n < len(s) {
		var reason string
		if d, reason = parseDecimal(s, n); reason != "" {
			return timeStamp{}, reason
		}
	}
	switch len(d.digits) {
	case 9, 10:
		return d.unix(unixS, 1), ""
	case 13:
		return d.unix(unixMS, 1e3), ""
	case 16:
		return d.unix(unixUS, 1e6), ""
	case 19:
		return d.unix(unixNS, 1e9), ""
	case 8, 12, 14:
		return d.calendar(z)
	case 5:
		return timeStamp{}, dayNumber
	}
	return timeStamp{}, badNumber
}

// parseDecimal reads a number with a fraction. Of an exponent it says that
// it is one: see expand.
func parseDecimal(s string, n int) (decimal, string) {
	d := decimal{digits: s[:n]}
	rest := s[n:]
	if rest[0] == '.' || rest[0] == ',' {
		var m int
		m, rest = digits(rest[1:])
		if m == 0 {
			return d, badForm
		}
		d.fraction = strings.TrimRight(s[n+1:n+1+m], "0")
	}
	switch {
	case rest == "":
		return d, ""
	case rest[0] == 'e' || rest[0] == 'E':
		return d, badExponent
	}
	return d, badForm
}

// expand writes a JSON number without its exponent. Numbers that have none,
// and those that are no time, stay as they are.
func expand(s string) string {
	i := strings.IndexAny(s, "eE")
	if i < 0 || !isNumber(s) || s[0] == '-' {
		return s
	}
	exponent, err := strconv.Atoi(s[i+1:])
	if err != nil || exponent > maxNumber || exponent < -maxMantissa {
		return s
	}
	whole, fraction, _ := strings.Cut(s[:i], ".")
	if len(whole)+len(fraction) > maxMantissa {
		return s
	}
	point := len(whole) + exponent
	digits := strings.Repeat("0", max(0, -point)) + whole + fraction
	point = max(point, 0)
	digits += strings.Repeat("0", max(0, point-len(digits)))
	whole = strings.TrimLeft(digits[:point], "0")
	if fraction = digits[point:]; fraction != "" && whole != "" {
		return whole + "." + fraction
	}
	return whole
}

// unix returns the moment of a Unix time of which so many make a second.
func (d *decimal) unix(form timeForm, perSecond uint64) timeStamp {
	n := uint64(0)
	for _, c := range []byte(d.digits) {
		n = n*10 + uint64(c-'0')
	}
	part := n % perSecond * (1e9 / perSecond)
	if d.fraction != "" {
		nsec, _ := fraction(d.fraction)
		part += uint64(nsec) / perSecond
	}
	return timeStamp{instant: instant{int64(n / perSecond), int64(part)}, form: form}
}

// calendar returns the moment of a date such as 20251108, 202511080900 or
// 20251108090000.
func (d *decimal) calendar(z *zone) (timeStamp, string) {
	s := d.digits
	pair := func(i int) int {
		if i >= len(s) {
			return 0
		}
		return two(s[i], s[i+1])
	}
	w := wall{year: pair(0)*100 + pair(2), month: pair(4), day: pair(6), hour: pair(8), minute: pair(10), second: pair(12)}
	if !w.onCalendar() || w.hour > 23 || w.minute > 59 || w.second > 59 {
		return timeStamp{}, badNumber
	}
	if d.fraction != "" {
		if len(s) < len("20251108090000") {
			return timeStamp{}, badFraction
		}
		w.nsec, _ = fraction(d.fraction)
	}
	t := w.in(z)
	t.form, t.naive = compactForm, len(s) > len("20251108")
	return t, ""
}
