package httpapi

import (
	"net/http"

	"github.com/eventmetrics/eventmetrics"
)

// dryRun answers what an upload would do.
func (h *Handler) dryRun(w http.ResponseWriter, r *http.Request, file eventmetrics.File) error {
	p, err := h.svc.DryRun(r.Context(), file)
	if err != nil {
		return err
	}
	groups := make([]object, len(p.Errors))
	for i := range p.Errors {
		g := &p.Errors[i]
		groups[i] = object{"code": g.Code, "column": g.Column, "count": g.Count, "sample": (*rowError)(&g.First)}
	}
	changes := make([]object, len(p.Changes))
	for i, c := range p.Changes {
		changes[i] = object{
			"date": c.Day.String(), "event_type": c.Type,
			"before": c.Before, "after": c.After, "difference": c.After - c.Before,
		}
	}
	var duplicateOf any
	if p.DuplicateOf != "" {
		duplicateOf = p.DuplicateOf
	}
	return writeJSON(w, http.StatusOK, object{
		"dry_run":                true,
		"inserted_count":         p.AcceptedRows,
		"failed_count":           p.RejectedRows,
		"duplicate_count":        p.DuplicateRows,
		"duplicate_of":           duplicateOf,
		"error_groups":           groups,
		"error_groups_truncated": p.MoreErrors,
		"change_count":           p.ChangeCount,
		"changes":                changes,
		"changes_truncated":      len(changes) < p.ChangeCount,
	})
}
