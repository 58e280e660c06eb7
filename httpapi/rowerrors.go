package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
)

// rowError writes a rejected row as {row, <its columns>, error_reason, line,
// column, code, value}: the original's members first, in its order.
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

// set adds a member or replaces its value: a column of a file must not pass
// for a member of ours.
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

func headerProblem(e *ingest.HeaderError) problem {
	members := noRows()
	members["missing_columns"] = nonNil(e.Missing)
	members["found_columns"] = nonNil(e.Found)
	if len(e.Guess) > 0 {
		members["did_you_mean"] = e.Guess
	}
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeMissingColumn,
		detail: strings.TrimPrefix(e.Error(), "ingest: "), members: members,
	}
}

// ambiguousProblem shows both readings, in the words of timestamp_layout.
func ambiguousProblem(e *ingest.AmbiguousTimeError) problem {
	members := noRows()
	members["column"] = e.Column
	var readings []object
	for _, order := range []ingest.DateOrder{ingest.DayFirst, ingest.MonthFirst} {
		reading := e.DayFirst
		if order == ingest.MonthFirst {
			reading = e.MonthFirst
		}
		readings = append(readings, object{
			"timestamp_layout": order.String(), "line": reading.Line, "value": reading.Value, "date": reading.Time.Format(time.DateOnly),
		})
	}
	members["readings"] = readings
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeAmbiguousTime,
		detail: strings.TrimPrefix(e.Error(), "ingest: ") + "; say timestamp_layout=dmy or mdy", members: members,
	}
}

// warnings lists the rules that accepted rows have broken.
func warnings(all []ingest.Warning) []object {
	out := make([]object, 0, len(all))
	for _, w := range all {
		out = append(out, object{"code": w.Code, "column": w.Column, "message": w.Message, "count": w.Count, "line": w.Line})
	}
	return out
}

func rejectedProblem(e *eventmetrics.RejectedError) problem {
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeNoValidRow, detail: "no valid row; nothing was stored",
		members: object{
			"inserted_count":   0,
			"failed_count":     e.Rejected,
			"errors":           rowErrors(e.Errors),
			"errors_truncated": int64(len(e.Errors)) < e.Rejected,
		},
	}
}

func toleranceProblem(e *eventmetrics.ToleranceError) problem {
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeTooManyErrors,
		detail: strings.TrimPrefix(e.Error(), "eventmetrics: ") + "; nothing was stored",
		members: object{
			"inserted_count":   0,
			"failed_count":     e.Rejected,
			"row_count":        e.Rows,
			"stopped":          e.Stopped,
			"limit":            e.Limit,
			"limit_value":      e.Value,
			"errors":           rowErrors(e.Errors),
			"errors_truncated": int64(len(e.Errors)) < e.Rejected,
		},
	}
}

func dedupeLimitProblem(e *eventmetrics.DedupeLimitError) problem {
	return problem{
		status: http.StatusRequestEntityTooLarge, code: CodeTooManyDistinctRows,
		detail:  strings.TrimPrefix(e.Error(), "eventmetrics: ") + "; nothing was stored",
		members: object{"limit_value": e.Limit},
	}
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
