package oracle

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// accept checks the values of each row.
func (r *reader) accept() error {
	r.forms = map[string]bool{}
	r.broken = make([]Warning, len(r.Rules))
	r.order = r.Order
	for i := range r.rows {
		if !r.NDJSON {
			r.nameFields(&r.rows[i])
		}
	}
	for i := range r.rows {
		if i == r.another {
			return r.fail(BadHeader)
		}
		row := &r.rows[i]
		if r.code(i, row); r.result.Err != NoFailure {
			return errStop
		}
		if row.code != "" {
			r.result.Rejected = append(r.result.Rejected, Rejection{row.row, row.line, row.code, row.column})
		}
	}
	return nil
}

func (row *record) reject(code, column string) { row.code, row.column = code, column }

// code checks one row and notes why it is rejected.
func (r *reader) code(i int, row *record) {
	if row.code != "" || r.weigh(row) != nil || r.badText(row) || r.missing(row) {
		return
	}
	if !r.NDJSON && row.unended && (len(row.values) < len(r.columns) || len(row.get(r.Time)) < len(r.stamp)) {
		r.endless = row.line
	}
	if r.needOrder(i) == nil {
		r.takeRow(row)
	}
}

// badText looks for values that are too long or no text.
func (r *reader) badText(row *record) bool {
	for _, f := range row.raw {
		switch {
		case r.NDJSON && len(f.Value) > r.FieldBytes, len(f.Name) > r.FieldBytes:
			row.reject("too_long", f.Name)
		case row.nested[f.Name]:
			row.reject("bad_json", f.Name)
		case !isText(f.Value) || r.NDJSON && !isText(f.Name), r.decoded() && strings.Contains(f.Name+f.Value, "\ufffd"):
			row.reject("bad_encoding", f.Name)
		case len(f.Value) > r.FieldBytes:
			row.reject("too_long", f.Name)
		default:
			continue
		}
		return true
	}
	return false
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// decoded reports whether the input was neither UTF-8 nor UTF-16.
func (r *reader) decoded() bool {
	return r.result.ReadAs.Encoding != "utf-8" && r.result.ReadAs.Encoding == r.Encoding
}

// missing looks for values that are missing: in the order of the file, or of
// the schema for NDJSON.
func (r *reader) missing(row *record) bool {
	names := append(append([]string{}, r.Required...), r.EventType, r.Time)
	if !r.NDJSON {
		names = slices.DeleteFunc(slices.Clone(r.columns), func(c string) bool { return !slices.Contains(names, c) })
	}
	for _, name := range names {
		if v := row.get(name); v == "" || name == r.EventID && id(v) == "" {
			row.reject("missing_value", name)
			return true
		}
	}
	return false
}

// nameFields gives the values of a CSV row their names.
func (r *reader) nameFields(row *record) {
	for i, name := range r.columns {
		if r.ignored[i] || row.code != "" {
			continue
		}
		v := ""
		if i < len(row.values) {
			v = row.values[i]
		}
		v = r.unguard(v)
		row.raw = append(row.raw, Field{name, v})
		row.fields = append(row.fields, Field{name, value(v)})
	}
}

func (row *record) get(name string) string {
	for _, f := range row.fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// takeRow checks the time and the rules and keeps the row.
func (r *reader) takeRow(row *record) {
	at := parse(row.get(r.Time), r.Zone, r.order, r.NDJSON)
	unix := strings.HasPrefix(at.form, "unix_")
	if !at.ok || unix && r.unit != "" && at.form != r.unit {
		row.reject("bad_timestamp", r.Time)
		return
	}
	if at.at.Before(r.Earliest) || at.at.After(r.Latest) || at.at.Unix() < 24*60*60 {
		row.reject("out_of_window", r.Time)
		return
	}
	if unix {
		r.unit = at.form
	}
	if row.row > r.Rows {
		row.reject("too_many_rows", "")
		return
	}
	var warned []int
	for i := range r.Rules {
		rule := &r.Rules[i]
		if !rule.breaks(row.get(rule.Column)) {
			continue
		}
		if !rule.Warn {
			row.reject(cmp.Or(rule.Code, "broken_rule"), rule.Column)
			return
		}
		warned = append(warned, i)
	}
	for _, i := range warned {
		r.broken[i].add(row.line)
	}
	r.keep(row, at)
}

func (r *reader) keep(row *record, at stamp) {
	r.stamp = row.get(r.Time)
	r.forms[at.form] = true
	r.naive = r.naive || at.local
	if at.local && at.clock && r.Zone == nil {
		r.zoneless.add(row.line)
	}
	if at.skipped {
		r.skipped.add(row.line)
	}
	if at.repeated {
		r.twice.add(row.line)
	}
	out := Row{Row: row.row, Line: row.line, ID: id(row.get(r.EventID)), Type: row.get(r.EventType), Time: at.at.UTC()}
	for _, f := range row.fields {
		if f.Name != r.EventID && f.Name != r.EventType && f.Name != r.Time {
			out.Fields = append(out.Fields, f)
		}
	}
	r.result.Rows = append(r.result.Rows, out)
}

var decimal = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

func (rule *Rule) breaks(v string) bool {
	if v == "" {
		return rule.Required
	}
	if rule.Pattern != "" && !regexp.MustCompile(`^(?:`+rule.Pattern+`)$`).MatchString(v) {
		return true
	}
	if rule.Enum != nil && !slices.Contains(rule.Enum, v) || rule.MaxLength > 0 && utf8.RuneCountInString(v) > rule.MaxLength {
		return true
	}
	if rule.Min == nil && rule.Max == nil {
		return false
	}
	n, _ := strconv.ParseFloat(v, 64) // what is too great is infinite
	return !decimal.MatchString(v) || rule.Min != nil && n < *rule.Min || rule.Max != nil && n > *rule.Max
}
