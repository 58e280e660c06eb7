package ingest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// layout says what the columns of an input mean.
type layout struct {
	names []string // of the columns that count, in file order
	// header has the names before equal ones and missing ones got names of our own.
	header []string
	// columns has, for each name, its place in the row.
	columns []int
	roles   []role
	typ     int // place of the event type in names
	time    int
	id      int   // -1 if there is none
	fields  []int // places in names of all others
	checked []int // places in names of the columns of the schema
	repair  bool  // this is a repair file
	width   int   // columns of the file
}

// role is what a column is to the schema.
type role struct {
	known    bool // it is a column of the schema
	required bool
}

// preambleLines is how many lines may stand before the header.
const preambleLines = 20

// readHeader finds the header line and the delimiter. Lines before the header
// are skipped: a title, a comment, or sep=; which tells a spreadsheet the
// delimiter. Errors: ErrNoRows, *HeaderError, and those of the input.
func (r *Reader) readHeader() (*layout, error) {
	r.line = 1
	r.vals = make([]string, r.opts.Limits.Columns+1)
	delims := []byte(",;\t|")
	var first error
	for seen := false; r.line <= preambleLines+1; {
		r.setDelim(delims[0])
		sh := r.scan()
		if sh == noRow {
			if first == nil {
				first = orNoRows(r.scanner.err)
			}
			return nil, first
		}
		if sh != blank {
			if c, ok := r.sepLine(); ok && !seen {
				seen, delims = true, []byte{c}
				r.skip()
				continue
			}
			seen = true
			l, err := r.tryHeader(delims)
			if err == nil {
				r.headerLine, r.skipped = r.line, r.line-1
				r.advance()
				return l, nil
			}
			if first == nil {
				first = err
			}
			if r.length > r.rowBytes || r.hasRequired() {
				return nil, err // a header that is wrong is no title
			}
		}
		r.skip()
	}
	if first == nil {
		first = &HeaderError{Reason: fmt.Sprintf("the first %d lines are blank", preambleLines+1)}
	}
	return nil, first
}

// hasRequired reports whether the row that was scanned has the names of all
// required columns.
func (r *Reader) hasRequired() bool {
	names := r.headerNames()
	return !slices.ContainsFunc(r.required, func(name string) bool { return indexName(names, name) < 0 })
}

// skip goes on behind the first line of what was scanned.
func (r *Reader) skip() {
	r.fault(row)
	r.advance()
}

// sepLine returns the delimiter that the line at pos names in the way of
// spreadsheets.
func (r *Reader) sepLine() (delim byte, ok bool) {
	line, _ := r.firstLine()
	line = trimCR(line, r.eol)
	if len(line) < len("sep=;") || !strings.EqualFold(line[:len("sep=")], "sep=") {
		return 0, false
	}
	c := line[len("sep=")]
	rest := strings.Trim(line[len("sep=;"):], ",;\t|") // what a spreadsheet may add
	return c, rest == "" && c < utf8.RuneSelf && c != '"' && !isNameByte(c) && (c > ' ' || c == '\t')
}

// isNameByte reports whether a byte may be part of a name.
func isNameByte(c byte) bool {
	return c == '_' || c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// tryHeader reads the row at pos as the header, with the delimiter of those
// that makes most required columns of it. Errors: *HeaderError.
func (r *Reader) tryHeader(delims []byte) (*layout, error) {
	delim, best := delims[0], -1
	for _, d := range delims {
		if n := r.tryDelim(d); n > best {
			delim, best = d, n
		}
	}
	r.setDelim(delim)
	sh := r.scan()
	names := r.headerNames()
	if err := r.checkHeader(sh, names); err != nil {
		return nil, err
	}
	return r.layout(names)
}

func orNoRows(err error) error {
	if err != nil {
		return err
	}
	return ErrNoRows
}

// tryDelim returns how many of the columns that must exist the header has with
// a delimiter.
func (r *Reader) tryDelim(delim byte) int {
	r.setDelim(delim)
	r.scan() // if the row is wrong as a whole, its first line is split
	line, _ := r.firstLine()
	if n := max(r.fields, strings.Count(line, string(rune(delim)))+1); n > len(r.vals) && r.length <= r.rowBytes {
		r.vals = make([]string, n) // a header above the limit is one, too
		r.scan()
	}
	names, n := r.headerNames(), 0
	for _, name := range r.required {
		if indexName(names, name) >= 0 {
			n++
		}
	}
	return n
}

// headerNames returns the names in the header line. The strings are copies,
// so that they do not keep a piece of the input in memory.
func (r *Reader) headerNames() []string {
	n := min(r.fields, len(r.vals))
	if n == 0 { // the row is invalid
		n = len(r.vals)
		for n > 0 && r.vals[n-1] == "" {
			n--
		}
	}
	names := make([]string, n)
	for i := range names {
		names[i] = strings.Clone(trim(r.vals[i]))
	}
	return names
}

// checkHeader refuses what is no header whatever the schema is.
func (r *Reader) checkHeader(sh shape, names []string) error {
	limits := &r.opts.Limits
	reason := ""
	switch {
	case sh == unquote:
		reason = "its quotes are wrong"
	case sh == tooLong:
		reason = fmt.Sprintf("it is longer than %d bytes", limits.RowBytes)
	case r.fields > limits.Columns:
		reason = fmt.Sprintf("it has %d columns; the limit is %d", r.fields, limits.Columns)
	}
	for i, name := range names {
		if reason != "" {
			break
		}
		if what := r.badText(name); what != "" {
			reason = fmt.Sprintf("the name of column %d %s", i+1, what)
		} else if len(name) > limits.FieldBytes {
			reason = fmt.Sprintf("the name of column %d has %d bytes; the limit is %d", i+1, len(name), limits.FieldBytes)
		}
	}
	if reason == "" {
		return nil
	}
	return &HeaderError{Reason: reason, Found: shortenAll(names[:min(len(names), limits.Columns)])}
}

func shortenAll(names []string) (short []string) {
	for _, name := range names {
		short = append(short, shorten(name))
	}
	return short
}

// layout maps the columns of a file. Errors: *HeaderError.
func (r *Reader) layout(names []string) (*layout, error) {
	l := &layout{width: len(names), repair: isRepair(names)}
	for i, name := range names {
		if l.repair {
			name = unprotect(name)
		}
		if l.repair && isRepairName(name) {
			continue
		}
		name = ColumnName(name)
		l.header = append(l.header, name)
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		l.columns = append(l.columns, i)
		l.names = append(l.names, name)
	}
	missing := l.apply(&r.opts.Schema)
	duplicate := l.rename(r.opts.Distinct)
	if len(missing)+len(duplicate) == 0 {
		return l, nil
	}
	found := shortenAll(names)
	return nil, &HeaderError{Missing: missing, Duplicate: shortenAll(duplicate), Found: found, Guess: guesses(missing, found)}
}

// apply finds what the columns are to the schema. It returns the names of the
// schema that are missing.
func (l *layout) apply(s *Schema) (missing []string) {
	l.roles = make([]role, len(l.names))
	place := func(name string) int {
		i := slices.Index(l.names, name)
		if i >= 0 {
			l.roles[i].known = true
		}
		return i
	}
	present := s.present()
	for _, name := range s.Columns() {
		if i := place(name); i < 0 {
			missing = append(missing, name)
		} else {
			l.roles[i].required = slices.Contains(present, name)
		}
	}
	for _, rule := range s.Rules {
		place(ColumnName(rule.Column))
	}
	l.typ, l.time, l.id = place(s.EventType), place(s.Time), place(s.EventID)
	for i, r := range l.roles {
		if r.known {
			l.checked = append(l.checked, i)
		}
		if i != l.typ && i != l.time && i != l.id {
			l.fields = append(l.fields, i)
		}
	}
	return missing
}

// rename makes the names of the columns unique: of those that mean nothing to
// the schema or the caller, the second note becomes note_2. It returns the other
// names that several columns have.
func (l *layout) rename(distinct []string) (duplicate []string) {
	for i, name := range l.names {
		first := slices.Index(l.names, name)
		if first == i {
			continue
		}
		if l.roles[first].known || slices.Contains(distinct, name) {
			if !slices.Contains(duplicate, name) {
				duplicate = append(duplicate, name)
			}
			continue
		}
		for n := 2; ; n++ {
			l.names[i] = fmt.Sprintf("%s_%d", name, n)
			used := slices.Concat(l.names[:i], l.names[i+1:], distinct)
			if !slices.Contains(used, l.names[i]) {
				break
			}
		}
	}
	return duplicate
}
