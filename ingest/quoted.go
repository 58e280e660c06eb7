package ingest

import (
	"bytes"
	"strings"
)

// quotedRow splits the row that text begins with.
type quotedRow struct {
	text       string
	delim, eol byte
	last       bool // text ends the input
	full       bool // text is as long as it may get
	pos        int
	lines      int64
}

// scanQuoted splits a row that has quotes in its first line, and otherwise
// reports false.
func (s *scanner) scanQuoted() (shape, bool) {
	window := s.buf[s.pos:min(s.end, s.pos+s.rowBytes+2)]
	full := len(window) == s.rowBytes+2
	line := window
	if i := bytes.IndexByte(window, s.eol); i >= 0 {
		line = window[:i]
	} else if !full && !s.eof {
		return more, true
	}
	if bytes.IndexByte(line, '"') < 0 {
		return 0, false
	}
	q := quotedRow{
		text:  s.text[s.pos : s.pos+len(window)],
		delim: s.delim,
		eol:   s.eol,
		last:  s.eof && s.pos+len(window) == s.end,
		full:  full,
	}
	sh := s.scanFields(&q)
	if sh == more && full {
		sh = tooLong
	}
	if sh == row && s.length > s.rowBytes {
		sh = tooLong
	}
	if sh == tooLong || sh == unquote {
		return s.fault(sh), true
	}
	return sh, true
}

// scanFields reads the values of a row.
func (s *scanner) scanFields(q *quotedRow) shape {
	for n := 0; ; {
		start, lines := q.pos, q.lines
		text, sh := q.field(n <= len(s.vals))
		if sh != value && sh != row {
			return sh
		}
		if q.lines > lines && s.swallows(q.text[start:q.pos]) {
			return unquote
		}
		if n < len(s.vals) {
			s.vals[n] = text
		} else if n == len(s.vals) {
			s.spare = text
		}
		n++
		if sh == row {
			s.length = q.pos
			s.endRow(s.pos+q.lineEnd(), n, q.lines+1)
			return row
		}
		q.pos++
	}
}

// swallows reports whether a value in quotes has, behind its first line, one
// that is a row by itself: its quote stands where none was meant, and closes at
// the next such quote.
func (s *scanner) swallows(quoted string) bool {
	if s.completes == nil {
		return false
	}
	for line := range strings.SplitSeq(quoted[strings.IndexByte(quoted, s.eol)+1:], string(rune(s.eol))) {
		if s.completes(strings.TrimSuffix(trimCR(line, s.eol), `"`)) {
			return true
		}
	}
	return false
}

// field reads the value at pos, and moves pos past it. It returns value when
// another one follows, row when the row ends. A text is only made when it is
// wanted.
func (q *quotedRow) field(wanted bool) (string, shape) {
	if q.pos < len(q.text) && q.text[q.pos] == '"' {
		return q.quoted(wanted)
	}
	start := q.pos
	for q.pos < len(q.text) && q.text[q.pos] != q.delim && q.text[q.pos] != q.eol {
		if q.text[q.pos] == '"' {
			return "", unquote
		}
		q.pos++
	}
	if q.pos == len(q.text) && !q.last {
		return "", more
	}
	if q.pos < len(q.text) && q.text[q.pos] == q.delim {
		return q.text[start:q.pos], value
	}
	last := trimCR(q.text[start:q.pos], q.eol)
	q.pos = start + len(last)
	return last, row
}

func (q *quotedRow) quoted(wanted bool) (string, shape) {
	q.pos++
	start, doubled := q.pos, false
	for {
		i := strings.IndexByte(q.text[q.pos:], '"')
		if i < 0 {
			return "", q.unclosed()
		}
		q.pos += i + 1
		if q.pos < len(q.text) && q.text[q.pos] == '"' {
			doubled = true
			q.pos++
			continue
		}
		break
	}
	raw := q.text[start : q.pos-1]
	sh := q.afterQuote()
	if sh != value && sh != row {
		return "", sh
	}
	return q.unescape(raw, doubled, wanted), sh
}

// unclosed says what it means that no quote closes in text.
func (q *quotedRow) unclosed() shape {
	if q.last || q.full {
		return unquote
	}
	return more
}

// afterQuote says what follows the quote before pos.
func (q *quotedRow) afterQuote() shape {
	switch rest := q.text[q.pos:]; {
	case (rest == "" || rest == "\r") && (q.last || q.full): // if full, it is too long
		return row
	case rest == "":
		return more
	case rest[0] == q.delim:
		return value
	case rest[0] == q.eol:
		return row
	case q.eol == '\n' && strings.HasPrefix(rest, "\r\n"):
		return row
	case rest == "\r":
		return more
	}
	return unquote
}

// unescape returns what the text between two quotes means.
func (q *quotedRow) unescape(raw string, doubled, wanted bool) string {
	q.lines += int64(strings.Count(raw, string(rune(q.eol))))
	if !wanted {
		return ""
	}
	if doubled {
		raw = strings.ReplaceAll(raw, `""`, `"`)
	}
	if q.eol == '\n' {
		raw = strings.ReplaceAll(raw, "\r\n", "\n")
	}
	return raw
}

// lineEnd returns the place of the line end that pos is at, after a CR that
// belongs to it.
func (q *quotedRow) lineEnd() int {
	if q.eol == '\n' && q.pos < len(q.text) && q.text[q.pos] == '\r' {
		return q.pos + 1
	}
	return q.pos
}
