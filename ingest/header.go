package ingest

import (
	"fmt"
	"slices"
	"strings"
)

// layout says what the columns of an input mean.
type layout struct {
	names []string // of the columns that count, in file order
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
	known    bool // it is a column of the schema, and white space around values does not count
	required bool
}

// readHeader reads the header line and finds the delimiter. Errors: ErrNoRows,
// *HeaderError, and those of the input.
func (r *Reader) readHeader() (*layout, error) {
	r.line = 1
	r.vals = make([]string, r.opts.Limits.Columns+1)
	r.setDelim(',')
	sh := r.scan()
	for ; sh == blank; sh = r.scan() {
		r.advance()
	}
	if sh == noRow {
		return nil, orNoRows(r.scanner.err)
	}
	delim, best := byte(','), -1
	for _, d := range []byte(",;\t|") {
		if n := r.tryDelim(d); n > best {
			delim, best = d, n
		}
	}
	r.setDelim(delim)
	sh = r.scan()
	names := r.headerNames()
	if err := r.checkHeader(sh, names); err != nil {
		return nil, err
	}
	r.advance()
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
	if r.scan() != row {
		return -1
	}
	names, n := r.headerNames(), 0
	for _, name := range r.required {
		if indexFold(names, name) >= 0 {
			n++
		}
	}
	return n
}

// headerNames returns the names in the header line. The strings are copies,
// lest a few names keep a piece of the input alive.
func (r *Reader) headerNames() []string {
	n := min(r.fields, len(r.vals))
	if n == 0 { // it is at fault
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
		if what := badEncoding(name); what != "" {
			reason = fmt.Sprintf("the name of column %d %s", i+1, what)
		} else if len(name) > limits.FieldBytes {
			reason = fmt.Sprintf("the name of column %d has %d bytes; the limit is %d", i+1, len(name), limits.FieldBytes)
		}
	}
	if reason == "" {
		return nil
	}
	return &HeaderError{Reason: reason, Found: shortenAll(names)}
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
		switch {
		case l.repair && isRepairName(name):
			continue
		case name == "":
			name = fmt.Sprintf("column_%d", i+1)
		}
		l.columns = append(l.columns, i)
		l.names = append(l.names, name)
	}
	missing := l.apply(&r.opts.Schema)
	duplicate := duplicates(l.names)
	if len(missing)+len(duplicate) == 0 {
		return l, nil
	}
	found := shortenAll(names)
	return nil, &HeaderError{Missing: missing, Duplicate: shortenAll(duplicate), Found: found, Guess: guesses(missing, found)}
}

// apply gives the columns of the schema its spelling and finds the others. It
// returns the names of the schema that are missing.
func (l *layout) apply(s *Schema) (missing []string) {
	l.roles = make([]role, len(l.names))
	place := func(name string, required bool) int {
		i := indexFold(l.names, name)
		if i < 0 {
			if required {
				missing = append(missing, name)
			}
			return -1
		}
		for j := range l.names { // all of them, so that duplicates are found
			if sameName(l.names[j], name) {
				l.names[j] = name
			}
		}
		l.roles[i] = role{known: true, required: required || l.roles[i].required}
		return i
	}
	present := s.present()
	for _, name := range s.Columns() {
		place(name, true)
		if i := indexFold(l.names, name); i >= 0 {
			l.roles[i].required = indexFold(present, name) >= 0
		}
	}
	for _, rule := range s.Rules {
		place(s.spell(rule.Column), false)
	}
	l.typ, l.time, l.id = place(s.EventType, false), place(s.Time, false), place(s.EventID, false)
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

func duplicates(names []string) []string {
	var twice []string
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] && !slices.Contains(twice, name) {
			twice = append(twice, name)
		}
		seen[name] = true
	}
	return twice
}

// sameName reports whether two column names mean the same column.
func sameName(a, b string) bool { return strings.EqualFold(trim(a), trim(b)) }

func indexFold(names []string, name string) int {
	return slices.IndexFunc(names, func(n string) bool { return sameName(n, name) })
}
