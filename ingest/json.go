package ingest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// What parse says of an object with too many members, and of a string with
// half a surrogate pair, which stands for no character.
const (
	jsonTooMany   = "too many members"
	jsonSurrogate = "has half a surrogate pair"
)

// jsonRow reads flat JSON objects. Values share the memory of the text unless
// they have escapes.
type jsonRow struct {
	schema     Schema
	maxMembers int

	text    string
	pos     int
	members []metrics.Field
	nested  []bool // of members: the value is an object or an array, and left out
	escaped bool   // something had escapes
	// columns are those of members, followed by those of the previous row.
	columns []jsonColumn
	changed bool // the names differ from those of the row before
}

// parse reads an object into members and returns what is wrong, or "".
func (j *jsonRow) parse(text string) string {
	j.text, j.pos, j.members = text, 0, j.members[:0]
	j.nested = j.nested[:0]
	j.escaped, j.changed = false, false
	if !j.take('{') {
		return "it does not begin with {"
	}
	if j.take('}') {
		return j.end()
	}
	for {
		if wrong := j.member(); wrong != "" {
			return wrong
		}
		switch {
		case j.take(','):
		case j.take('}'):
			return j.end()
		default:
			return "a comma or } is missing"
		}
	}
}

func (j *jsonRow) end() string {
	j.space()
	if j.pos < len(j.text) {
		return "there is text after the object"
	}
	return ""
}

func (j *jsonRow) space() {
	for j.pos < len(j.text) && isJSONSpace(j.text[j.pos]) {
		j.pos++
	}
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// take skips white space and c if it is next.
func (j *jsonRow) take(c byte) bool {
	j.space()
	if j.pos == len(j.text) || j.text[j.pos] != c {
		return false
	}
	j.pos++
	return true
}

func (j *jsonRow) member() string {
	if len(j.members) == j.maxMembers {
		return jsonTooMany
	}
	if !j.take('"') {
		return "a name is missing"
	}
	name, wrong := j.str()
	if wrong != "" {
		return "a name " + wrong
	}
	if ColumnName(name) == "" {
		return "a name is empty"
	}
	if !j.take(':') {
		return "a colon is missing"
	}
	j.space()
	from := j.pos
	value, wrong := j.value()
	if wrong != "" {
		return "the value of " + shorten(name) + " " + wrong
	}
	j.nested = append(j.nested, j.text[from] == '{' || j.text[from] == '[')
	return j.add(name, value)
}

func (j *jsonRow) value() (text, wrong string) {
	if j.pos == len(j.text) {
		return "", "is missing"
	}
	switch j.text[j.pos] {
	case '"':
		j.pos++
		return j.str()
	case '{', '[':
		return "", j.skipNested()
	}
	n := strings.IndexAny(j.text[j.pos:], ",} \t\r\n")
	if n < 0 {
		n = len(j.text) - j.pos
	}
	text = j.text[j.pos : j.pos+n]
	j.pos += n
	switch {
	case text == "null":
		return "", ""
	case text == "true" || text == "false" || isNumber(text):
		return text, ""
	}
	return "", "is no JSON value"
}

// skipNested goes behind the object or array at pos.
func (j *jsonRow) skipNested() (wrong string) {
	start, depth, half := j.pos, 0, ""
	for ; j.pos < len(j.text); j.pos++ {
		switch j.text[j.pos] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			j.pos++
			if _, wrong := j.str(); wrong == jsonSurrogate {
				half = wrong
			} else if wrong != "" {
				return wrong
			}
			j.pos-- // the loop goes on behind the quote
		}
		if depth == 0 {
			j.pos++
			break
		}
	}
	if !json.Valid([]byte(j.text[start:j.pos])) {
		return "is no JSON value"
	}
	return half
}

// str reads a string, starting after its opening quote.
func (j *jsonRow) str() (s, wrong string) {
	const invalid = "is no valid string"
	start, escaped := j.pos, false
	for ; j.pos < len(j.text); j.pos++ {
		switch c := j.text[j.pos]; {
		case c < ' ':
			return "", invalid
		case c == '\\':
			escaped = true
			j.pos++
		case c == '"':
			j.pos++
			if !escaped {
				return j.text[start : j.pos-1], ""
			}
			j.escaped = true
			quoted := j.text[start-1 : j.pos]
			if err := json.Unmarshal([]byte(quoted), &s); err != nil {
				return "", invalid
			}
			if hasHalfPair(quoted) {
				return "", jsonSurrogate
			}
			return s, ""
		}
	}
	return "", invalid
}

// hasHalfPair reports whether a valid JSON string has the escape of one half of
// a surrogate pair without the other.
func hasHalfPair(quoted string) bool {
	high := false // the escape before was a first half
	for i := 0; i < len(quoted); i++ {
		unit := rune(0)
		if quoted[i] == '\\' {
			i++
			if quoted[i] == 'u' {
				n, _ := strconv.ParseUint(quoted[i+1:i+5], 16, 16)
				unit = rune(n)
				i += 4
			}
		}
		low := unit >= 0xDC00 && unit <= 0xDFFF
		if low != high {
			return true
		}
		high = unit >= 0xD800 && unit <= 0xDBFF
	}
	return high
}

// isNumber reports whether s is a number in the grammar of JSON.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, rest := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	if strings.HasPrefix(rest, ".") {
		var n int
		if n, rest = digits(rest[1:]); n == 0 {
			return false
		}
	}
	if rest == "" || rest[0] != 'e' && rest[0] != 'E' {
		return rest == ""
	}
	rest = rest[1:]
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	n, rest := digits(rest)
	return n > 0 && rest == ""
}

// digits returns the number of digits at the start of s, and the rest of s.
func digits(s string) (n int, rest string) {
	for n < len(s) && s[n]-'0' <= 9 {
		n++
	}
	return n, s[n:]
}

// add adds a member under the name of its column.
func (j *jsonRow) add(raw, value string) string {
	i := len(j.members)
	if i == len(j.columns) || j.columns[i].raw != raw {
		c := j.column(raw)
		j.columns, j.changed = append(j.columns[:i], c), true
	}
	name := j.columns[i].name
	if j.changed {
		for k := range j.members {
			if j.members[k].Name == name {
				j.columns = j.columns[:i] // the next row must not trust them
				return "it has " + shorten(name) + " twice"
			}
		}
	}
	j.members = append(j.members, metrics.Field{Name: name, Value: value})
	return ""
}

func (j *jsonRow) column(raw string) jsonColumn {
	c := jsonColumn{raw: strings.Clone(raw), name: strings.Clone(ColumnName(raw))}
	for role, names := range [][]string{requiredMember: j.schema.Required, typeMember: {j.schema.EventType}, timeMember: {j.schema.Time}, idMember: {j.schema.EventID}} {
		if slices.Contains(names, c.name) {
			c.role = jsonRole(role)
		}
	}
	return c
}
