package oracle

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// findObjects splits NDJSON into rows.
func (r *reader) findObjects() error {
	line := int64(0)
	for rest := r.text; rest != ""; {
		whole, bare := cut(rest)
		rest = rest[len(whole):]
		line++
		row := record{row: int64(len(r.rows)) + 1, line: line}
		if len(bare) > r.RowBytes {
			row.code = "row_too_long"
		} else if trim(bare) == "" {
			continue
		} else {
			r.readObject(&row, bare)
		}
		r.rows = append(r.rows, row)
	}
	if len(r.rows) == 0 {
		return r.fail(NoRows)
	}
	return nil
}

// readObject takes the members of one line, up to the first fault.
func (r *reader) readObject(row *record, line string) {
	if !isText(line) {
		row.code = "bad_encoding"
		return
	}
	in := json.NewDecoder(strings.NewReader(line))
	in.UseNumber()
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		row.code = "bad_json"
		return
	}
	seen := map[string]bool{}
	row.nested = map[string]bool{}
	for in.More() {
		rest := strings.TrimLeft(line[in.InputOffset():], " \t\r\n")
		if len(seen) == r.Columns && (strings.HasPrefix(rest, ",") || len(seen) == 0) {
			row.code = "too_many_fields"
			return
		}
		if row.code = r.readMember(row, in, line, seen); row.code != "" {
			return
		}
	}
	if _, err := in.Token(); err != nil {
		row.code = "bad_json"
		return
	}
	if strings.Trim(line[in.InputOffset():], " \t\r\n") != "" {
		row.code = "bad_json"
	}
}

// readMember takes one member and returns what is wrong.
func (r *reader) readMember(row *record, in *json.Decoder, line string, seen map[string]bool) string {
	from := in.InputOffset()
	key, err := in.Token()
	name, ok := key.(string)
	if err != nil || !ok {
		return "bad_json"
	}
	if halfSurrogate(line[from:in.InputOffset()]) {
		return "bad_encoding"
	}
	if named(name) == "" {
		return "bad_json"
	}
	from = in.InputOffset()
	var v any
	if err := in.Decode(&v); err != nil {
		return "bad_json"
	}
	if halfSurrogate(line[from:in.InputOffset()]) {
		return "bad_encoding"
	}
	if name = named(name); seen[name] {
		return "bad_json"
	}
	seen[name] = true
	text := ""
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	case nil:
	default:
		row.raw = append(row.raw, Field{name, ""})
		row.nested[name] = name == r.EventID || slices.Contains(r.need(), name) || slices.ContainsFunc(r.Rules, func(rule Rule) bool { return rule.Column == name })
		return ""
	}
	row.raw = append(row.raw, Field{name, text})
	row.fields = append(row.fields, Field{name, value(text)})
	return ""
}

var escapes = regexp.MustCompile(`\\(?:u[0-9a-fA-F]{4}|.)`)

// halfSurrogate reports whether a line has an escape of one half of a surrogate
// pair without the other.
func halfSurrogate(line string) bool {
	high, end := rune(0), -1
	for _, at := range append(escapes.FindAllStringIndex(line, -1), []int{len(line), len(line)}) {
		c := rune(0)
		if at[1]-at[0] == 6 {
			n, err := strconv.ParseUint(line[at[0]+2:at[1]], 16, 16)
			if err != nil {
				panic(err)
			}
			c = rune(n)
		}
		switch {
		case high != 0 && at[0] == end && c >= 0xdc00 && utf16.IsSurrogate(c):
			high = 0
			continue
		case high != 0, utf16.IsSurrogate(c) && c >= 0xdc00:
			return true
		}
		if high = 0; utf16.IsSurrogate(c) {
			high, end = c, at[1]
		}
	}
	return high != 0
}
