package ingest

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
)

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// shape is what a line turned out to be.
type shape int

const (
	more    shape = iota // the piece ends in the middle of the row
	value                // a value that another one follows
	row                  // values are in vals
	blank                // nothing but white space
	tooLong              // longer than rowBytes
	unquote              // the quotes are wrong
	noRow                // the input ends
)

// scanner splits CSV into rows. What it decides about a row depends on the
// first rowBytes+2 bytes of it alone, and so never on where pieces end.
type scanner struct {
	source
	delim         byte
	delims, eols  uint64 // delim and eol in each byte
	rowBytes      int
	vals          []string               // the values of the row, as many as there are columns
	fields        int                    // how many values the row has; may be more than vals
	spare         string                 // the first value that has no place in vals
	length        int                    // bytes of the row without line end
	line          int64                  // the line on which the row begins
	after         int                    // where the next row begins
	lines         int64                  // how many line ends the row has
	unended       bool                   // the input ends with the row, and not with a line end
	completes     func(line string) bool // whether a line is a row by itself; nil does not ask
	wholeLines    bool                   // rows are lines, and a row is its only value
	skipping      bool                   // the rest of a line that is too long comes first
	afterLongLine bool                   // set by scan for advance
}

func (s *scanner) setDelim(delim byte) {
	s.delim = delim
	s.delims, s.eols = lowBits*uint64(delim), lowBits*uint64(s.eol)
}

// scan finds the row at pos. It may be called again with another delimiter;
// advance moves past the row.
func (s *scanner) scan() shape {
	for {
		if s.skipping {
			s.skipLine()
		}
		if s.pos == s.end && s.drained() {
			return noRow
		}
		if s.pos < s.end {
			if sh := s.scanPiece(); sh != more {
				return sh
			}
			if s.err != nil {
				return noRow // the rest of the row will never come
			}
		}
		s.refill()
	}
}

func (s *scanner) scanPiece() shape {
	if s.wholeLines {
		return s.scanLine()
	}
	if s.quotes {
		if sh, ok := s.scanQuoted(); ok {
			return sh
		}
	}
	return s.scanPlain()
}

func (s *scanner) advance() {
	s.pos = s.after
	s.line += s.lines
	s.skipping = s.afterLongLine
	s.afterLongLine = false
}

// skipLine drops what is left of a line.
func (s *scanner) skipLine() {
	i := bytes.IndexByte(s.buf[s.pos:s.end], s.eol)
	if i < 0 {
		s.pos = s.end
		return
	}
	s.pos += i + 1
	s.skipping = false
}

// scanPlain splits a line that has no quotes.
func (s *scanner) scanPlain() shape {
	buf, text, vals := s.buf, s.text, s.vals
	delims, eols := s.delims, s.eols
	n, at, pos := 0, s.pos, s.pos
	for {
		// A byte that is equal turns into 0, whose top bit is the lowest to
		// survive; bits above it may be wrong and do not matter.
		word := binary.LittleEndian.Uint64(buf[pos:])
		d, e := word^delims, word^eols
		m := ((d-lowBits)&^d | (e-lowBits)&^e) & highBits
		if m == 0 {
			pos += 8
			continue
		}
		pos += bits.TrailingZeros64(m) >> 3
		if n < len(vals) {
			vals[n] = text[at:pos]
		} else if n == len(vals) {
			s.spare = text[at:pos]
		}
		n++
		if buf[pos] == s.eol {
			break
		}
		pos++
		at = pos
	}
	return s.endPlain(pos, n)
}

func (s *scanner) endPlain(pos, n int) shape {
	if pos == s.end && !s.eof {
		if pos-s.pos >= s.rowBytes+2 {
			return s.fault(tooLong)
		}
		return more
	}
	s.length = pos - s.pos
	if s.length > 0 && s.buf[pos-1] == '\r' {
		s.length--
		if n <= len(s.vals) {
			s.vals[n-1] = s.vals[n-1][:len(s.vals[n-1])-1]
		}
	}
	if s.length > s.rowBytes {
		return s.fault(tooLong)
	}
	s.endRow(pos, n, 1)
	if n == 1 && isBlank(s.text[s.pos:pos]) {
		return blank
	}
	return row
}

// endRow notes a row of n values that ends at pos.
func (s *scanner) endRow(pos, n int, lines int64) {
	s.after, s.lines, s.fields = min(pos+1, s.end), lines, n
	s.unended = pos >= s.end
	for n < len(s.vals) {
		s.vals[n] = ""
		n++
	}
}

// scanLine reads a line as it is.
func (s *scanner) scanLine() shape {
	line, whole := s.firstLine()
	if whole && s.pos+len(line) == s.end && !s.eof {
		return more
	}
	if sh := s.fault(row); sh != row || !isBlank(s.vals[0]) {
		return sh
	}
	return blank
}

// fault notes a row that is wrong as a whole and takes its first line.
func (s *scanner) fault(sh shape) shape {
	line, whole := s.firstLine()
	s.fields, s.lines, s.after = 0, 1, min(s.pos+len(line)+1, s.end)
	text := trimCR(line, s.eol)
	s.length = len(text)
	clear(s.vals)
	if !whole {
		s.after, s.afterLongLine = s.pos+len(line), true
	}
	if s.length > s.rowBytes {
		return tooLong
	}
	s.split(text)
	return sh
}

// firstLine returns the first line of the row, cut after rowBytes+2, and
// whether that is all of it.
func (s *scanner) firstLine() (string, bool) {
	window := s.text[s.pos:min(s.end, s.pos+s.rowBytes+2)]
	if i := strings.IndexByte(window, s.eol); i >= 0 {
		return window[:i], true
	}
	return window, len(window) < s.rowBytes+2
}

func trimCR(line string, eol byte) string {
	if eol == '\n' {
		return strings.TrimSuffix(line, "\r")
	}
	return line
}

// split splits a line as if there were no quotes. The last value has all that
// is left.
func (s *scanner) split(line string) {
	last := len(s.vals) - 1
	for i := range s.vals {
		cut := strings.IndexByte(line, s.delim)
		if cut < 0 || i == last {
			s.vals[i] = line
			clear(s.vals[i+1:])
			return
		}
		s.vals[i], line = line[:cut], line[cut+1:]
	}
}
