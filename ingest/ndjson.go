package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// jsonRole is what a member is to the schema.
type jsonRole int8

const (
	otherMember jsonRole = iota
	requiredMember
	typeMember
	timeMember
	idMember
)

// jsonColumn is the name and role of the member at one place of the row
// before. Rows mostly have the same members, and then nothing is looked up.
type jsonColumn struct {
	raw, name string
	role      jsonRole
}

// startJSON looks for a first line that is not blank.
func (r *Reader) startJSON() (*layout, error) {
	r.wholeLines, r.line = true, 1
	r.setDelim(0)
	r.vals = make([]string, 1)
	sh := r.scan()
	for ; sh == blank; sh = r.scan() {
		r.advance()
	}
	if sh == noRow {
		return nil, orNoRows(r.scanner.err)
	}
	r.json.schema = r.opts.Schema
	for _, rule := range r.opts.Schema.Rules {
		r.json.schema.Required = append(slices.Clip(r.json.schema.Required), ColumnName(rule.Column))
	}
	r.json.maxMembers = r.opts.Limits.Columns
	return &layout{width: 1}, nil
}

func (r *Reader) readJSON(events []metrics.Event) int {
	n := 0
	enough := r.loaded + readBytes
	for n < len(events) && r.err == nil && (r.loaded < enough || n == 0) {
		switch sh := r.scan(); sh {
		case noRow:
			r.err = orEOF(r.scanner.err)
			return n
		case blank:
		default:
			if r.rowJSON(sh, &events[n]) {
				n++
			}
		}
		r.advance()
	}
	return n
}

func (r *Reader) rowJSON(sh shape, e *metrics.Event) bool {
	r.rows++
	if sh == tooLong {
		line, _ := r.firstLine()
		r.rejectValue(RowTooLong, "", line, fmt.Sprintf("the row has more than %d bytes", r.rowBytes), nil)
		return false
	}
	line := r.vals[0]
	if !r.plain {
		if what := r.badText(line); what != "" {
			r.rejectValue(BadEncoding, "", line, "the line "+what, nil)
			return false
		}
	}
	wrong := r.json.parse(line)
	r.record = r.json.members
	switch {
	case wrong == jsonTooMany:
		r.rejectValue(TooManyFields, "", line, fmt.Sprintf("the object has more than %d members", r.opts.Limits.Columns), r.record)
		return false
	case strings.HasSuffix(wrong, jsonSurrogate):
		r.rejectValue(BadEncoding, "", line, "the line is no text: "+wrong, r.record)
		return false
	case wrong != "":
		r.rejectValue(BadJSON, "", line, "the line is not a flat JSON object: "+wrong, r.record)
		return false
	}
	return r.eventJSON(e)
}

// eventJSON makes an event of the members read.
func (r *Reader) eventJSON(e *metrics.Event) bool {
	e.ID, e.Type = "", ""
	e.Fields = r.room(e.Fields, len(r.record))[:0]
	stamp, column := "", -1
	for i := range r.record {
		m := &r.record[i]
		if !r.checkMember(i) {
			return r.weighMembers()
		}
		if r.json.nested[i] {
			continue
		}
		switch r.json.columns[i].role {
		case typeMember:
			e.Type = clean(m.Value)
		case timeMember:
			stamp, column = expand(clean(m.Value)), i
		case idMember:
			if e.ID = clean(m.Value); isNullID(e.ID) {
				e.ID = ""
			}
		default:
			e.Fields = append(e.Fields, metrics.Field{Name: m.Name, Value: clean(m.Value)})
		}
	}
	return (r.checkMissing() || r.weighMembers()) && r.finish(e, column, stamp)
}

// weighMembers notes the order of the date of a row that is rejected for
// another reason. It returns false.
func (r *Reader) weighMembers() bool {
	for i := range r.record {
		if r.json.columns[i].role == timeMember {
			r.weighDate(clean(r.record[i].Value))
		}
	}
	return false
}

// checkMember looks for a value that is too long or has a NUL.
func (r *Reader) checkMember(i int) bool {
	m := &r.record[i]
	if limit := r.opts.Limits.FieldBytes; len(m.Value) > limit || len(m.Name) > limit {
		r.reject(TooLong, i, fmt.Sprintf("%s has %d bytes; the limit is %d", shorten(m.Name), max(len(m.Name), len(m.Value)), limit))
		return false
	}
	if r.json.nested[i] && r.json.columns[i].role != otherMember {
		r.reject(BadJSON, i, shorten(m.Name)+" is nested; it must be a string, a number or a boolean")
		return false
	}
	if !r.json.escaped {
		return true
	}
	for _, s := range []string{m.Name, m.Value} {
		if what := r.badText(s); what != "" {
			r.reject(BadEncoding, i, shorten(m.Name)+" "+what)
			return false
		}
	}
	return true
}

// checkMissing looks for members that the schema requires.
func (r *Reader) checkMissing() bool {
	for _, name := range r.present {
		if clean((&metrics.Event{Fields: r.record}).Field(name)) == "" {
			r.rejectValue(MissingValue, name, "", name+" is missing", r.record)
			return false
		}
	}
	return true
}
