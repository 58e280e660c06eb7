package httpapi

import "net/http"

// schema serves GET /schema: what an upload must look like.
func (h *Handler) schema(w http.ResponseWriter, _ *http.Request) error {
	o := h.svc.Options()
	return writeJSON(w, http.StatusOK, object{
		"columns": object{
			"required":   o.Schema.Columns(),
			"event_id":   o.Schema.EventID,
			"event_type": o.Schema.EventType,
			"timestamp":  o.Schema.Time,
			"subject":    o.Subject,
		},
		"limits": object{
			"upload_bytes": o.MaxUploadBytes,
			"rows":         o.Limits.Rows,
			"columns":      o.Limits.Columns,
			"row_bytes":    o.Limits.RowBytes,
			"value_bytes":  o.Limits.FieldBytes,
			"errors":       o.MaxErrors,
			"repair_bytes": o.MaxRepairBytes,
		},
	})
}
