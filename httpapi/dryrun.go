package httpapi

import (
	"net/http"

	"github.com/eventmetrics/eventmetrics"
)

// dryRun answers what an upload would do. It needs a place in the limit too, and
// keeps none.
func (h *Handler) dryRun(w http.ResponseWriter, r *http.Request, file eventmetrics.File, q *quota) error {
	p, err := h.svc.DryRun(r.Context(), file)
	q.giveBack()
	if err != nil {
		return err
	}
	if callerOf(r).Role == RoleUploader { // may not read what is counted
		p.Changes = nil
	}
	answer := dryRunJSON{
		DryRun:               true,
		InsertedCount:        p.AcceptedRows,
		FailedCount:          p.RejectedRows,
		DuplicateCount:       p.DuplicateRows,
		DuplicateOf:          orNull(p.DuplicateOf),
		ReadAs:               *newReadAs(&p.ReadAs),
		Warnings:             newWarnings(p.Warnings),
		ErrorGroups:          make([]errorGroupJSON, len(p.Errors)),
		ErrorGroupsTruncated: p.MoreErrors,
		ChangeCount:          p.ChangeCount,
		Changes:              make([]changeJSON, len(p.Changes)),
		ChangesTruncated:     len(p.Changes) < p.ChangeCount,
	}
	for i := range p.Errors {
		g := &p.Errors[i]
		answer.ErrorGroups[i] = errorGroupJSON{Code: g.Code, Column: g.Column, Count: g.Count, Sample: (*rowError)(&g.First)}
	}
	for i, c := range p.Changes {
		answer.Changes[i] = changeJSON{
			Date: c.Day.String(), EventType: c.Type,
			Before: c.Before, After: c.After, Difference: c.After - c.Before,
		}
	}
	return writeJSON(w, http.StatusOK, answer)
}
