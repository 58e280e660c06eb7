package httpapi

import (
	"cmp"
	"net/http"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// schema serves GET /schema.
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
	return writeJSON(w, http.StatusOK, fileSchemaJSON{
		Schema:     name,
		Schemas:    nonNil(h.svc.SchemaNames()),
		Dimensions: nonNil(o.Dimensions),
		Rules:      newRules(schema.Rules),
		Columns: fileColumnsJSON{
			Required:  schema.Columns(),
			EventID:   schema.EventID,
			EventType: schema.EventType,
			Timestamp: schema.Time,
			Subject:   o.Caps.Subject,
		},
		Limits: fileLimitsJSON{
			UploadBytes: o.MaxUploadBytes,
			Rows:        o.Limits.Rows,
			Columns:     o.Limits.Columns,
			RowBytes:    o.Limits.RowBytes,
			ValueBytes:  o.Limits.FieldBytes,
			Errors:      o.MaxErrors,
			RepairBytes: o.MaxRepairBytes,
			DedupeRows:  o.MaxDedupeRows,
		},
	})
}

func newRules(all []ingest.Rule) []fileRuleJSON {
	out := make([]fileRuleJSON, len(all))
	for i, r := range all {
		action := "reject"
		if r.Warn {
			action = "warn"
		}
		out[i] = fileRuleJSON{
			Column: r.Column, Action: action, Code: cmp.Or(r.Code, ingest.BrokenRule), Message: r.Message,
			Required: r.Required, Pattern: r.Pattern, Enum: r.Enum, Min: r.Min, Max: r.Max, MaxLength: r.MaxLength,
		}
	}
	return out
}
