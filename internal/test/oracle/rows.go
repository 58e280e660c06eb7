package oracle

import (
	"encoding/csv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxSkipped = 20 // lines before the header

var repairNames = []string{"_row", "_line", "_column", "_code", "_message"}

// cut returns the line at the begin of a text with its end, and without.
func cut(text string) (whole, line string) {
	line, _, found := strings.Cut(text, "\n")
	whole = line
	if found {
		whole += "\n"
	}
	return whole, strings.TrimSuffix(line, "\r")
}

// split reads one row at the begin of a text.
func split(text string, delimiter rune) (fields []string, raw string, err error) {
	if whole, line := cut(text); line == "" {
		return []string{""}, whole, nil // encoding/csv goes to the next line
	}
	in := csv.NewReader(strings.NewReader(text))
	in.Comma = delimiter
	in.FieldsPerRecord = -1
	fields, err = in.Read()
	if err != nil {
		return nil, "", err
	}
	return fields, text[:in.InputOffset()], nil
}

func isBlank(line string, delimiter rune) bool {
	return strings.TrimFunc(line, func(c rune) bool { return c == delimiter || unseen(c) }) == ""
}

// need returns the names of the columns that a file must have.
func (o *Options) need() []string {
	names := append([]string{}, o.Required...)
	names = append(names, o.EventType, o.Time)
	for _, rule := range o.Rules {
		if rule.Required && !rule.Warn {
			names = append(names, rule.Column)
		}
	}
	return names
}

// findHeader returns the offset after the header.
func (r *reader) findHeader() (at int, delimiter rune, err error) {
	as := &r.result.ReadAs
	delimiters, visible := ",;\t|", false // a line that is no blank and names no delimiter
	for rest := r.text; rest != "" && as.SkippedLines <= maxSkipped; as.SkippedLines++ {
		whole, line := cut(rest)
		if len(line) > r.RowBytes {
			return 0, 0, r.fail(BadHeader)
		}
		if sep := separator(line); sep != "" && !visible && len(delimiters) > 1 {
			delimiters = sep
			rest = rest[len(whole):]
			continue
		}
		visible = visible || trim(line) != ""
		for _, d := range delimiters {
			names, raw, err := split(rest[:min(len(rest), r.RowBytes+2)], d)
			wrong := err != nil || r.tooLong(raw)
			if wrong {
				names, raw = strings.Split(line, string(d)), whole
			}
			if !r.isHeader(names) {
				continue
			}
			if wrong {
				return 0, 0, r.fail(BadHeader)
			}
			as.HeaderLine, as.Delimiter = as.SkippedLines+1, string(d)
			return len(r.text) - len(rest) + len(raw), d, r.takeHeader(names)
		}
		rest = rest[len(whole):]
	}
	if !visible && as.SkippedLines <= maxSkipped {
		return 0, 0, r.fail(NoRows)
	}
	return 0, 0, r.fail(BadHeader)
}

var sepLine = regexp.MustCompile("^(?i:sep=)([^a-zA-Z0-9_\"\\x00-\\x08\\x0a-\\x20\\x80-\\x{10ffff}])[,;\\t|]*$")

// separator returns the delimiter that a line such as sep=; names.
func separator(line string) string {
	if m := sepLine.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

func (r *reader) isHeader(fields []string) bool {
	have := map[string]bool{}
	for _, f := range fields {
		have[named(f)] = true
	}
	for _, name := range r.need() {
		if !have[named(name)] {
			return false
		}
	}
	return true
}

// takeHeader names the columns.
func (r *reader) takeHeader(fields []string) error {
	if len(fields) > r.Columns {
		return r.fail(BadHeader)
	}
	seen := map[string]int{}
	for _, f := range fields {
		if !utf8.ValidString(f) || strings.Contains(f, "\x00") || len(trim(f)) > r.FieldBytes {
			return r.fail(BadHeader)
		}
		seen[named(f)]++
	}
	r.repaired = true
	for _, name := range repairNames {
		r.repaired = r.repaired && seen[named(name)] > 0
	}
	fields = slices.Clone(fields)
	for i, f := range fields {
		fields[i] = r.unguard(trim(f))
		r.header = append(r.header, named(fields[i]))
	}
	times := map[string]int{}
	for i, f := range fields {
		name := named(f)
		if name == "" {
			name = "column_" + strconv.Itoa(i+1)
		}
		own := r.repaired && slices.Contains(repairNames, named(f))
		r.columns, r.ignored = append(r.columns, name), append(r.ignored, own)
		if !own {
			times[name]++
		}
	}
	known := append(r.need(), r.EventID)
	for _, rule := range r.Rules {
		known = append(known, rule.Column)
	}
	for _, name := range known {
		if name = named(name); times[name] > 1 {
			r.result.Duplicate = append(r.result.Duplicate, name)
			times[name] = 0
		}
	}
	if r.result.Duplicate != nil {
		return r.fail(BadHeader)
	}
	r.numberExtras()
	return nil
}

// numberExtras makes the names of extra columns unique.
func (r *reader) numberExtras() {
	count := func(name string) (n int) {
		for i, c := range r.columns {
			if c == name && !r.ignored[i] {
				n++
			}
		}
		return n
	}
	met := map[string]bool{}
	for i, name := range r.columns {
		for n := 2; !r.ignored[i] && met[name] && (n == 2 || count(r.columns[i]) > 1); n++ {
			r.columns[i] = name + "_" + strconv.Itoa(n)
		}
		met[r.columns[i]] = true
	}
}

// findRows splits a CSV file into rows.
func (r *reader) findRows() error {
	at, delimiter, err := r.findHeader()
	if err != nil {
		return err
	}
	line := 1 + int64(strings.Count(r.text[:at], "\n"))
	for rest := r.text[at:]; rest != ""; {
		raw := r.nextRow(rest, delimiter, line)
		rest = rest[len(raw):]
		line += int64(strings.Count(raw, "\n"))
	}
	return nil
}

// nextRow reads the row at the begin of a text and returns its text.
func (r *reader) nextRow(text string, delimiter rune, line int64) string {
	first, bare := cut(text)
	row := record{line: line}
	add := func(raw, code string) string {
		row.row, row.code, row.unended = int64(len(r.rows))+1, code, raw == text && !strings.HasSuffix(raw, "\n")
		r.rows = append(r.rows, row)
		return raw
	}
	if len(bare) > r.RowBytes {
		return add(first, "row_too_long")
	}
	if isBlank(bare, delimiter) {
		return first
	}
	// What is decided about a row depends on as many bytes as it may have, and
	// a line end.
	fields, raw, err := split(text[:min(len(text), r.RowBytes+2)], delimiter)
	switch {
	case err != nil, r.swallows(fields, delimiter):
		return add(first, "bad_quotes")
	case r.tooLong(raw):
		return add(first, "row_too_long")
	case len(fields) == len(r.columns)+1 && trim(fields[len(r.columns)]) == "":
		fields = fields[:len(r.columns)]
	}
	if len(fields) <= len(r.columns) && trim(strings.Join(fields, "")) == "" {
		return raw
	}
	if r.swaps {
		for i := range fields {
			fields[i] = swap(fields[i])
		}
	}
	row.values = fields
	if r.repeatsHeader(fields) {
		r.repeated.add(line)
		return raw
	}
	if len(fields) > len(r.columns) {
		return add(raw, "too_many_fields")
	}
	return add(raw, "")
}

func (r *reader) tooLong(raw string) bool {
	raw = strings.TrimSuffix(raw, "\n")
	return len(strings.TrimSuffix(raw, "\r")) > r.RowBytes
}

// swallows reports whether a later line of a value in quotes is a row by itself.
func (r *reader) swallows(values []string, delimiter rune) bool {
	for _, v := range values {
		for _, line := range strings.Split(strings.ReplaceAll(v, `"`, `""`), "\n")[1:] {
			fields := strings.Split(line, string(delimiter))
			if len(fields) == len(r.columns)+1 && trim(fields[len(r.columns)]) == "" {
				fields = fields[:len(r.columns)]
			}
			if len(fields) != len(r.columns) || value(fields[r.column(r.EventType)]) == "" {
				continue
			}
			at := value(fields[r.column(r.Time)])
			if parse(at, r.Zone, "dmy", false).ok || parse(at, r.Zone, "mdy", false).ok {
				return true
			}
		}
	}
	return false
}

// column returns the index of a column that the schema names, or -1.
func (r *reader) column(name string) int { return slices.Index(r.columns, name) }

// repeatsHeader reports whether a row is the header once more. A row that has the
// names of all required columns and is not ends reading.
func (r *reader) repeatsHeader(fields []string) bool {
	same := len(fields) == len(r.columns)
	for i := 0; same && i < len(fields); i++ {
		same = r.ignored[i] || named(r.unguard(fields[i])) == r.header[i]
	}
	if same {
		return true
	}
	if at := r.column(r.Time); at < len(fields) && firstDigit.MatchString(trim(fields[at])) {
		return false // no name of a column, whatever comes with it
	}
	if r.another < 0 && r.isHeader(fields[:min(len(fields), len(r.columns))]) {
		r.another = len(r.rows)
	}
	return false
}

// unguard takes away the apostrophes that a RepairWriter has put in front of what
// a spreadsheet might take for a cell with a formula.
func (r *reader) unguard(s string) string {
	if !r.repaired {
		return s
	}
	out := ""
	for s != "" {
		if guarded.MatchString(s) {
			s = s[1:]
		}
		cell := toEnd.FindString(s)
		out, s = out+cell, s[len(cell):]
	}
	return out
}

var (
	guarded = regexp.MustCompile(`^'['" ]*[=+\-@\t\r＝＋－＠]`)
	toEnd   = regexp.MustCompile(`^[^;\t|\r\n]*[;\t|\r\n]?`)
)

var firstDigit = regexp.MustCompile("^[0-9]")

func (w *Warning) add(line int64) {
	if w.Count++; w.Count == 1 {
		w.Line = line
	}
}
