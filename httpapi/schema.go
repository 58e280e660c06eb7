package httpapi

import (
	"net/http"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// schema serves GET /schema: what an upload must look like.
func (h *Handler) schema(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r)
	name := p.text("schema")
	if err := p.err(); err != nil {
		return err
	}
	schema, err := h.svc.Schema(name)
	if err != nil {
		return err
	}
	o := h.svc.Options()
	return writeJSON(w, http.StatusOK, object{
		"schema":  name,
		"schemas": nonNil(h.svc.SchemaNames()),
		"columns": object{
			"required":   schema.Columns(),
			"event_id":   schema.EventID,
			"event_type": schema.EventType,
			"timestamp":  schema.Time,
			"subject":    o.Subject,
		},
		"dimensions": nonNil(o.Dimensions),
		"rules":      rules(schema.Rules),
		"limits": object{
			"upload_bytes": o.MaxUploadBytes,
			"rows":         o.Limits.Rows,
			"columns":      o.Limits.Columns,
			"row_bytes":    o.Limits.RowBytes,
			"value_bytes":  o.Limits.FieldBytes,
			"errors":       o.MaxErrors,
			"repair_bytes": o.MaxRepairBytes,
			"dedupe_rows":  o.MaxDedupeRows,
		},
	})
}

// rules writes rules without what they do not check.
func rules(all []ingest.Rule) []object {
	out := make([]object, 0, len(all))
	for _, r := range all {
		o := object{"column": r.Column, "code": ingest.BrokenRule, "action": "reject"}
		if r.Warn {
			o["action"] = "warn"
		}
		if r.Code != "" {
			o["code"] = r.Code
		}
		for name, member := range map[string]struct {
			value any
			there bool
		}{
			"required": {true, r.Required}, "pattern": {r.Pattern, r.Pattern != ""}, "enum": {r.Enum, r.Enum != nil},
			"min": {r.Min, r.Min != nil}, "max": {r.Max, r.Max != nil},
			"max_length": {r.MaxLength, r.MaxLength > 0}, "message": {r.Message, r.Message != ""},
		} {
			if member.there {
				o[name] = member.value
			}
		}
		out = append(out, o)
	}
	return out
}
