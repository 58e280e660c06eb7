package httpapi

import (
	"bytes"
	"encoding/json"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// rowError writes a rejected row as {row, <its columns>, error_reason, line,
// column, code, value}. The first members are in the order that older clients
// expect.
type rowError ingest.RowError

// MarshalJSON implements json.Marshaler.
func (e *rowError) MarshalJSON() ([]byte, error) {
	var o orderedObject
	o.add("row", e.Row)
	for _, field := range e.Record {
		o.add(field.Name, field.Value)
	}
	o.set("error_reason", e.Message)
	o.set("line", e.Line)
	o.set("column", e.Column)
	o.set("code", e.Code)
	o.set("value", e.Value)
	return o.encode()
}

func rowErrors(errs []ingest.RowError) []*rowError {
	out := make([]*rowError, len(errs))
	for i := range errs {
		out[i] = (*rowError)(&errs[i])
	}
	return out
}

// orderedObject is a JSON object whose members keep their order.
type orderedObject struct {
	names  []string
	values map[string]any
}

// add adds a member; a name that is taken keeps its first value.
func (o *orderedObject) add(name string, value any) {
	if _, taken := o.values[name]; taken {
		return
	}
	if o.values == nil {
		o.values = map[string]any{}
	}
	o.names = append(o.names, name)
	o.values[name] = value
}

// set adds a member or replaces its value, so that a column of a file cannot take
// the place of a member.
func (o *orderedObject) set(name string, value any) {
	o.add(name, value)
	o.values[name] = value
}

func (o *orderedObject) encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range o.names {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, part := range []any{name, o.values[name]} {
			if j > 0 {
				b.WriteByte(':')
			}
			text, err := json.Marshal(part)
			if err != nil {
				return nil, err
			}
			b.Write(text)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// newWarnings lists the rules that accepted rows have broken.
func newWarnings(all []ingest.Warning) []warningJSON {
	out := make([]warningJSON, len(all))
	for i, w := range all {
		out[i] = warningJSON{Code: w.Code, Column: w.Column, Message: w.Message, Count: w.Count, Line: w.Line}
	}
	return out
}
