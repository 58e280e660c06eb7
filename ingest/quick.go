package ingest

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// kind says what quick does with a column.
type kind uint8

const (
	fieldKind kind = iota
	requiredKind
	typeKind
	timeKind
	requiredIDKind
	idKind   // may be empty
	ruleKind // a field that may be empty, too
)

// kinds returns the kind of each column, or nil when rows are never the common
// case.
func (l *layout) kinds() []kind {
	if l.repair {
		return nil
	}
	k := make([]kind, l.width)
	for i, role := range l.roles {
		switch {
		case i == l.id && role.required:
			k[i] = requiredIDKind
		case i == l.id:
			k[i] = idKind
		case role.required:
			k[i] = requiredKind
		case role.known:
			k[i] = ruleKind
		}
	}
	k[l.typ], k[l.time] = typeKind, timeKind
	return k
}

// span is where a value begins and ends in a piece.
type span struct{ from, to int }

// quick makes an event of the row at pos in the common case: one line with as many
// fields as the header, no quotes inside values, nothing to trim and nothing wrong.
// In any other case it reports false and leaves the row to scan. It gives what scan
// and rowCSV would give, sooner.
func (r *Reader) quick(e *metrics.Event) bool {
	if r.nul || r.skipping || !r.cut() || !r.plain && !r.quickText() {
		return false
	}
	k, stamp := 0, ""
	e.ID = ""
	for i, s := range r.spans {
		v := r.text[s.from:s.to]
		kind := r.kinds[i]
		if len(v) == 0 {
			if kind >= requiredKind && kind < idKind {
				return false
			}
		} else if first, last := v[0], v[len(v)-1]; first <= ' ' || last <= ' ' || first == '\\' {
			return false
		} else if first|last >= utf8.RuneSelf && trim(v) != v {
			return false
		}
		switch kind {
		case fieldKind, requiredKind, ruleKind:
			e.Fields[k] = metrics.Field{Name: r.cols.names[r.cols.fields[k]], Value: v}
			k++
		case typeKind:
			e.Type = v
		case timeKind:
			stamp = v
		case idKind, requiredIDKind:
			if len(v) <= len("null") && isNullID(v) {
				return false
			}
			e.ID = v
		}
	}
	t, ok := r.quickTime(stamp)
	if !ok || r.rows >= r.opts.Limits.Rows {
		return false
	}
	if len(r.checks) > 0 && !r.pass(e, stamp) {
		return false
	}
	r.stamp = stamp
	e.Row, e.Time = r.rows+1, t.time()
	return true
}

// quickText reports whether badText has nothing to say or to count of the values
// that cut has found.
func (r *Reader) quickText() bool {
	line := r.text[r.pos:r.after]
	if isASCII(r.buf[r.pos:r.after]) {
		return true
	}
	return r.foreign+r.unlike > 0 && utf8.ValidString(line) && (!r.decoded || !strings.Contains(line, "\uFFFD"))
}

// quickAccept ends the row of quick.
func (r *Reader) quickAccept(e *metrics.Event) bool {
	after := r.after
	r.rows++
	err := r.accept(e)
	switch {
	case err != nil:
		r.scan() // reject wants the values
		r.reject(codeOf(err), -1, err.Error())
	case r.notable || e.ID != "" || len(r.warnings) > 0:
		r.warn(e)
	default:
		r.forms |= zonedForm
	}
	r.pos = after
	r.line++
	return err == nil
}

// cut finds the values of the row at pos.
func (r *Reader) cut() bool {
	var n, pos int
	if r.quotes {
		n, pos = r.cutQuoted(r.buf, r.spans)
	} else {
		n, pos = r.cutFields(r.buf, r.spans, r.lengths[:len(r.spans)])
	}
	if n != len(r.spans) || pos >= r.end || pos-r.pos > r.most {
		return false
	}
	r.after = pos + 1
	if s := &r.spans[n-1]; s.to == pos && s.to > s.from && r.buf[pos-1] == '\r' {
		s.to--
	}
	return true
}

// cutFields returns the number of values, or more than len(spans), and where
// the row ends. Lengths are those of the row before.
func (r *Reader) cutFields(buf []byte, spans []span, lengths []int) (n, pos int) {
	delims, eols, eol := r.delims, r.eols, r.eol
	pos = r.pos
	for at := pos; ; {
		// As in scanPlain.
		word := binary.LittleEndian.Uint64(buf[pos:])
		d, e := word^delims, word^eols
		m := ((d-lowBits)&^d | (e-lowBits)&^e) & highBits
		if m == 0 {
			pos += 8
			continue
		}
		bit := bits.TrailingZeros64(m)
		pos += bit >> 3
		if n >= len(spans) || n >= len(lengths) {
			return n + 1, pos
		}
		spans[n] = span{at, pos}
		last := byte(word>>(bit&^7)) == eol
		// Where the next field begins depends on all the work above, but the
		// length is often that of the row before. Told so by a branch, the
		// processor goes ahead with that.
		if length := lengths[n]; pos-at == length {
			pos = at + length
		} else {
			lengths[n] = pos - at
		}
		n++
		if last {
			return n, pos
		}
		pos++
		at = pos
	}
}

// cutQuoted is cutFields for a piece with quotes. It returns -1 for a row that
// is not the common case.
func (r *Reader) cutQuoted(buf []byte, spans []span) (n, pos int) {
	pos = r.pos
	for n = range spans {
		at := pos
		if buf[pos] == '"' {
			at++
			pos = first(buf, at, lowBits*'"', r.eols)
			spans[n] = span{at, pos}
			if buf[pos] != '"' {
				return -1, pos // the value has a line end, or the piece ends
			}
			pos++
			if buf[pos] == '\r' && buf[pos+1] == '\n' && r.eol == '\n' {
				pos++
			}
		} else {
			pos = first(buf, at, r.delims, r.eols)
			spans[n] = span{at, pos}
			if bytes.IndexByte(buf[at:pos], '"') >= 0 {
				return -1, pos
			}
		}
		if buf[pos] == r.eol {
			return n + 1, pos
		}
		if buf[pos] != r.delim {
			return -1, pos
		}
		pos++
	}
	return -1, pos
}

// first returns the place of the first of two bytes at or after pos. There is
// one: the sentinel at the latest. Both are given in each byte of a word.
func first(buf []byte, pos int, a, b uint64) int {
	for {
		word := binary.LittleEndian.Uint64(buf[pos:])
		x, y := word^a, word^b
		if m := ((x-lowBits)&^x | (y-lowBits)&^y) & highBits; m != 0 {
			return pos + bits.TrailingZeros64(m)>>3
		}
		pos += 8
	}
}

// quickTime reads a time in the window.
func (r *Reader) quickTime(s string) (instant, bool) {
	if t, ok := parseUTC(s, &r.months); ok {
		r.notable = false
		return t, r.inWindow(t)
	}
	t, ok := r.quickForm(s)
	r.last, r.notable = t, true
	return t.instant, ok
}

// quickForm reads a time in another form than that of parseUTC.
func (r *Reader) quickForm(s string) (timeStamp, bool) {
	t, wrong := parseTime(s, &r.zone)
	if wrong == badForm && r.order != FindOrder {
		t, wrong = r.quickDate(s)
	}
	if wrong != "" || r.isOtherUnit(t) || !r.inWindow(t.instant) {
		return t, false
	}
	r.foundUnit(t)
	return t, true
}

// quickDate reads a date with numbers in the order that was found. What does
// not fit is left to stampTime, for it may be of the other order.
func (r *Reader) quickDate(s string) (timeStamp, string) {
	n, ok := parseNumbers(s)
	if !ok {
		return timeStamp{}, badForm
	}
	return n.in(r.order, &r.zone)
}

// parseUTC reads the form 2006-01-02T15:04:05Z, eight bytes at a time. Months
// has what it met before, so that the calendar is only asked about new ones.
func parseUTC(s string, months *[16]month) (instant, bool) {
	if len(s) != len("2006-01-02T15:04:05Z") {
		return instant{}, false
	}
	// A byte of x is a digit's value where the form has a digit, else 0, when
	// adding 6 or 15 to it does not reach 16.
	x, y, z := load(s)^dateText, load(s[8:])^hourText, load(s[12:])^secondText
	if (x|y|z|(x+dateRoom)|(y+hourRoom)|(z+secondRoom))&0xF0F0F0F0F0F0F0F0 != 0 {
		return instant{}, false
	}
	a, b, c := x*10+x>>8, y*10+y>>8, z*10+z>>8 // pairs of digits
	m := &months[pair(a, 5)&15]
	if m.text != x+1 {
		m.set(x, pair(a, 0)*100+pair(a, 2), pair(a, 5))
	}
	day, hour, minute, second := pair(b, 0), pair(b, 3), pair(b, 6), pair(c, 5)
	if uint(day-1) >= uint(m.length) || hour > 23 || minute > 59 || second > 59 {
		return instant{}, false
	}
	return instant{sec: int64(m.before+day)*secondsPerDay + int64(hour*3600+minute*60+second)}, true
}

// month is a month that was met before.
type month struct {
	text   uint64 // its digits, and 1 to tell month 0 of year 0 from none
	before int    // days from 1970-01-01 to the day before its first
	length int    // in days; 0 if there is no such month
}

func (m *month) set(text uint64, year, number int) {
	*m = month{text: text + 1}
	if number >= 1 && number <= 12 {
		m.before = daysBefore(year) + daysBeforeMonth(year, number) - 1
		m.length = daysIn(year, number)
	}
}

// The forms are little-endian: 0000-00- and 00T00:00 and 0:00:00Z.
const (
	dateText   = 0x2D30302D30303030
	dateRoom   = 0x0F06060F06060606
	hourText   = 0x30303A3030543030
	hourRoom   = 0x06060F06060F0606
	secondText = 0x5A30303A30303A30
	secondRoom = 0x0F06060F06060F06
)

// pair returns the number of the two digits at bytes i and i+1.
func pair(x uint64, i int) int { return int(x >> (8 * i) & 0xFF) }

func load(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
